// A data set: images with labels, by index. Sources (IDX files, folders, archives) differ only in how they make one.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"

namespace fqgan {

/// One image: uint8 H x W x C, its class if it has one, and a name to speak of it ("train-images-idx3-ubyte.gz #17").
struct Image {
  at::Tensor pixels;
  std::optional<int64_t> label;
  std::string name;
};

/// What networks must know of the data.
struct DataInfo {
  int64_t images = 0, channels = 0, height = 0, width = 0;
  int64_t classes = 0;                   // 0: no labels
  std::vector<std::string> class_names;  // `classes` of them
  int64_t unlabelled = 0;                // images without a class, where there are classes
};

/// An image that could not be read, and why.
struct Skipped {
  std::string name, reason;
};

struct Dataset {
  virtual ~Dataset() = default;
  virtual const DataInfo& info() const = 0;
  /// Copies image `index` into `pixels` (H x W x C bytes, of the size that info() says) and returns its label, -1
  /// without one.
  /// Safe to call from several threads.
  virtual int64_t read(int64_t index, uint8_t* pixels) const = 0;
  /// The label alone.
  virtual int64_t label(int64_t index) const;
  /// For random crops: the same image, enlarged by so many pixels in height and width (0: there is none).
  virtual int64_t crop_margin() const { return 0; }
  virtual void read_enlarged(int64_t index, uint8_t* pixels) const;
  virtual std::string name(int64_t index) const = 0;
  /// Changes when the content does: what caches and logs call this data set.
  virtual std::string key() const = 0;
  /// What was left out because it could not be read.
  virtual std::vector<Skipped> skipped() const { return {}; }
};

/// How images are brought to size, and what their classes are called where the files do not say it.
struct FitOptions : Options {
  std::optional<int64_t> resolution;            // pixels, height and (without `width`) width; unset: the images' own
  std::optional<int64_t> width;                 // pixels, for targets that are not square
  std::optional<int64_t> channels;              // 1 gray, 3 RGB, 4 RGBA; unset: the most that is found
  std::string fit = "pad";                      // how another size becomes the target: pad, crop or stretch
  std::string filter = "bicubic";               // of resizing: bicubic or lanczos
  int64_t pad_value = 0;                        // 0..255, for `pad`
  std::string alpha = "composite";              // transparency: laid on `background`, or kept as a fourth channel
  std::vector<int64_t> background = {0, 0, 0};  // RGB, 0..255
  int64_t max_pixels = 100'000'000;             // an image with more is refused
  std::vector<std::string> class_names;         // where the source has none
  void fields(FieldVisitor& visit) override;
};

/// Where images come from, which of them are used and how they become views; the table [data] of a recipe.
struct DataOptions : FitOptions {
  std::optional<std::string> path;          // IDX file or folder, image folder, class folders, zip, CIFAR archive
  std::string split = "train";              // "train" or "test", where the source has both
  std::optional<std::string> domain;        // "A" or "B" of a translation set (trainA, trainB, testA, testB)
  bool labels = true;                       // false: forget the labels (unconditional training)
  std::string part = "all";                 // "labelled", "unlabelled" or "held_out": only those images
  std::optional<int64_t> labels_per_class;  // semi-supervised: so many images of each class keep their label
  int64_t labels_seed = 0;                  // which ones
  std::optional<int64_t> held_out;          // so many images are kept out of the training, to test with
  bool held_out_per_class = false;          // `held_out` counts the images of each class
  int64_t held_out_seed = 0;                // which ones
  std::optional<int64_t> limit;             // take the first so many images
  bool flip = false;                        // random horizontal flips
  int64_t crop_margin = 0;                  // pixels: enlarged by so many, then a random piece of the target's size
  bool strict = false;                      // true: an unreadable image is an error; false: it is skipped
  std::string cache = "auto";               // decoded images on disk: auto (big sets), on, off
  void fields(FieldVisitor& visit) override;
};

/// What `options` name, as one data set (fqgan/data/opened_data.h has several views of one source). Errors (UserError):
/// missing path, nothing recognised there, wrong magic number, truncated file, image and label counts that differ,
/// mixed sizes without `resolution`, no images.
std::shared_ptr<const Dataset> open_dataset(const DataOptions& options);

/// A stream of images of any origin (a data set in order, a folder, a generator), for metrics and sampling.
struct ImageSource {
  virtual ~ImageSource() = default;
  virtual std::vector<Image> next(int64_t count) = 0;  // fewer at the end
};
std::unique_ptr<ImageSource> in_order(const Dataset& dataset);

}  // namespace fqgan
