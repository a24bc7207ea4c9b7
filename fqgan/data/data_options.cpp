// The fields of the table [data].
#include "fqgan/data/dataset.h"

namespace fqgan {

void FitOptions::fields(FieldVisitor& visit) {
  visit("resolution", resolution,
        about("height and width in pixels; unset: the images' own size").at_least(1).at_most(8192));
  visit("width", width, about("width in pixels where the target is not square").at_least(1).at_most(8192));
  visit("channels", channels, about("1 gray, 3 RGB, 4 RGBA; unset: the most that is found").at_least(1).at_most(4));
  visit("fit", fit, about("how another size becomes the target").one_of({"pad", "crop", "stretch"}));
  visit("filter", filter, about("of resizing, antialiased").one_of({"bicubic", "lanczos"}));
  visit("pad_value", pad_value, about("brightness of the border that fit = \"pad\" adds").at_least(0).at_most(255));
  visit("alpha", alpha,
        about("transparency: laid on `background`, or kept as 4th channel").one_of({"composite", "keep"}));
  visit("background", background, about("red, green, blue under transparent images").at_least(0).at_most(255));
  visit("class_names", class_names,
        about("names of the classes in the order of their numbers, where the data has none"));
  visit("max_pixels", max_pixels, about("an image with more pixels is refused as a decompression bomb").at_least(1));
}

void DataOptions::fields(FieldVisitor& visit) {
  visit("path", path, about("IDX file, folder of images or of class folders, zip of either, CIFAR archive"));
  visit("split", split, about("which part, where the source has both").one_of({"train", "test"}));
  visit("domain", domain, about("side of a translation set (trainA, trainB, testA, testB)").one_of({"A", "B"}));
  FitOptions::fields(visit);
  visit("labels", labels, about("false: forget the labels (unconditional training)"));
  visit("part", part,
        about("only the images with a label, without one, or held out")
            .one_of({"all", "labelled", "unlabelled", "held_out"}));
  visit("labels_per_class", labels_per_class,
        about("semi-supervised: so many images a class keep their label").at_least(1));
  visit("labels_seed", labels_seed, about("which images keep their label"));
  visit("held_out", held_out, about("images that are kept out of the training, to test with").at_least(1));
  visit("held_out_per_class", held_out_per_class, about("held_out counts the images of each class, not of all"));
  visit("held_out_seed", held_out_seed, about("which images are held out"));
  visit("limit", limit, about("take the first so many images").at_least(1));
  visit("flip", flip, about("mirror each image with probability 1/2, anew in every epoch"));
  visit("crop_margin", crop_margin,
        about("pixels: enlarge each image by so many and cut a random piece of its size, anew in every epoch")
            .at_least(0)
            .at_most(8192));
  visit("strict", strict, about("true: an unreadable image is an error; false: it is named and skipped"));
  visit("cache", cache,
        about("decoded images on disk: auto (sets over 64 MiB), on, off").one_of({"auto", "on", "off"}));
}

}  // namespace fqgan
