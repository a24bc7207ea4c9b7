// A data set: images with labels, by index. Sources (IDX files, folders, archives) differ only in how they make one.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/data/images/raster.h"

namespace fqgan {

/// One image: uint8 H x W x C, its class if it has one, and a name for messages ("train-images-idx3-ubyte.gz #17").
struct Image {
  at::Tensor pixels;
  std::optional<int64_t> label;
  std::string name;
};

/// The properties of a data set that determine the networks.
struct DataInfo {
  int64_t images = 0, channels = 0, height = 0, width = 0;  // height = width = 0: each image has its own (View)
  int64_t classes = 0;                                      // 0: no labels
  std::vector<std::string> class_names;                     // `classes` of them
  int64_t unlabelled = 0;                                   // number of images without a class, if there are classes
};

/// An image that could not be read, and why.
struct Skipped {
  std::string name, reason;
};

/// How many images of a data set were changed when they were brought to its size.
struct Changes {
  int64_t reshaped = 0;     // of other proportions than the data set's
  int64_t small = 0;        // smaller than the data set's size
  int64_t large = 0;        // larger: scaled down (not known of pixels in a cache of an earlier version)
  int64_t transparent = 0;  // with transparent pixels, which the data set does not keep
};

struct Dataset {
  virtual ~Dataset() = default;
  virtual const DataInfo& info() const = 0;
  /// The shape of image `index`: as info() says, unless each image has its own.
  virtual RasterShape shape(int64_t index) const;
  /// Copies image `index` into `pixels` (shape(index), H x W x C bytes) and returns its label, or -1. May be called
  /// from several threads.
  virtual int64_t read(int64_t index, uint8_t* pixels) const = 0;
  /// The label alone.
  virtual int64_t label(int64_t index) const;
  /// For random crops: the number of pixels by which read_enlarged's image is larger in height and width (0: none).
  virtual int64_t crop_margin() const { return 0; }
  virtual void read_enlarged(int64_t index, uint8_t* pixels) const;
  virtual std::string name(int64_t index) const = 0;
  /// A name for caches and logs that changes with the content.
  virtual std::string key() const = 0;
  virtual Changes changes() const { return {}; }
  /// The images that were left out because they could not be read.
  virtual std::vector<Skipped> skipped() const { return {}; }
};

/// How images are brought to size, and the class names for data without names.
struct FitOptions : Options {
  std::optional<int64_t> resolution;
  std::optional<int64_t> width;
  std::optional<int64_t> channels;
  std::string fit = "pad";
  std::string filter = "bicubic";
  int64_t pad_value = 0;
  std::string alpha = "composite";
  std::vector<int64_t> background = {0, 0, 0};
  int64_t max_pixels = 100'000'000;
  std::vector<std::string> class_names;
  void fields(FieldVisitor& visit) override;
};

/// Where images come from, which of them are used, and how they are augmented: the table [data] of a recipe.
struct DataOptions : FitOptions {
  std::optional<std::string> path;
  std::optional<std::string> split;
  std::optional<std::string> domain;
  bool labels = true;
  std::string part = "all";
  std::optional<int64_t> labels_per_class;
  int64_t labels_seed = 0;
  std::optional<int64_t> held_out;
  bool held_out_per_class = false;
  int64_t held_out_seed = 0;
  std::optional<int64_t> limit;
  std::string limit_by = "classes";
  bool flip = false;
  int64_t crop_margin = 0;
  bool strict = false;
  std::string cache = "auto";
  void fields(FieldVisitor& visit) override;
};

/// Opens the data set that `options` describe (fqgan/data/opened_data.h gives several views of one source). Errors
/// (UserError): missing path, unknown format, wrong magic number, truncated file, different numbers of images and
/// labels, mixed sizes without `resolution`, no images.
std::shared_ptr<const Dataset> open_dataset(const DataOptions& options);

/// A finite stream of images (a data set in order, a folder, a generator), for metrics and sampling.
struct ImageSource {
  virtual ~ImageSource() = default;
  /// Up to `count` images: fewer at the end and where images are very large, none after it.
  virtual std::vector<Image> next(int64_t count) = 0;
};
std::unique_ptr<ImageSource> in_order(const Dataset& dataset);

}  // namespace fqgan
