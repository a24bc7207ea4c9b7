// The fields of the table [data].
#include "fqgan/data/dataset.h"

namespace fqgan {

void FitOptions::fields(FieldVisitor& visit) {
  visit("resolution", resolution,
        about("height and width of the images in pixels; unset: the size of the images in the data")
            .at_least(1)
            .at_most(8192));
  visit("width", width,
        about("width of the images in pixels, if it differs from resolution").at_least(1).at_most(8192));
  visit(
      "channels", channels,
      about("number of channels: 1 gray, 3 RGB, 4 RGBA; unset: the largest number in the data").at_least(1).at_most(4));
  visit("fit", fit,
        about("how images of another shape are brought to the target's: pad with a border, crop the centre, or stretch")
            .one_of({"pad", "crop", "stretch"}));
  visit("filter", filter, about("antialiased filter for resizing").one_of({"bicubic", "lanczos"}));
  visit("pad_value", pad_value, about("brightness of the border with fit = 'pad'").at_least(0).at_most(255));
  visit("alpha", alpha,
        about("transparent images: composite over `background`, keep transparency as a fourth channel, or drop it "
              "(as Pillow's convert(\"RGB\"))")
            .one_of({"composite", "keep", "drop"}));
  visit("background", background,
        about("background colour under transparent images: red, green, blue").at_least(0).at_most(255));
  visit("class_names", class_names, about("class names in the order of the class indices, for data without names"));
  visit("max_pixels", max_pixels,
        about("largest number of pixels of an image; larger ones are refused as decompression bombs").at_least(1));
}

void DataOptions::fields(FieldVisitor& visit) {
  visit("path", path,
        about("the images: an IDX file or folder, a folder of images, one folder per class, a zip of either, or a "
              "CIFAR archive")
            .path()
            .on_resume());
  visit(
      "split", split,
      about("split of the data set: train, test, val, extra, unlabelled and others; unset: the training images, or all "
            "images if there are no splits"));
  visit("domain", domain,
        about("domain of an image translation set (folders trainA, trainB, testA, testB)").one_of({"A", "B"}));
  FitOptions::fields(visit);
  visit("labels", labels, about("use the labels; false: train without them"));
  visit("part", part,
        about("part of the images: all (but those held out), only those with a label, only those without one, or only "
              "those held out")
            .one_of({"all", "labelled", "unlabelled", "held_out"}));
  visit("labels_per_class", labels_per_class,
        about("semi-supervised learning: number of images per class that keep their label; unset: all").at_least(1));
  visit("labels_seed", labels_seed, about("seed of the choice of images that keep their label"));
  visit("held_out", held_out,
        about("number of images that are kept out of the training, for tests; unset: none").at_least(1));
  visit("held_out_per_class", held_out_per_class, about("held_out is a number per class, not in total"));
  visit("held_out_seed", held_out_seed, about("seed of the choice of images that are held out"));
  visit("limit", limit, about("largest number of images to use; unset: all").at_least(1));
  visit("limit_by", limit_by,
        about("images of the limit: as many of each class as possible, or the first in the order of the data")
            .one_of({"classes", "order"}));
  visit("flip", flip, about("mirror each image horizontally with probability 1/2, drawn again in every epoch"));
  visit("crop_margin", crop_margin,
        about("random crops: enlarge each image by this number of pixels and cut a random piece of the original size, "
              "drawn again in every epoch (0: off)")
            .at_least(0)
            .at_most(8192));
  visit("strict", strict, about("stop at an unreadable image; false: skip it with a warning"));
  visit("cache", cache,
        about("cache of decoded images on disk; auto: for data sets over 64 MiB").one_of({"auto", "on", "off"}));
}

}  // namespace fqgan
