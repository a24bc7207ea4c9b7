// One source of images, opened once, and views of it: training and test images, labelled images, the two domains of a
// translation set, held-out images. Files are read and images decoded for the first view that needs them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// The images of a view. Unset members have the value of the table [data].
struct View {
  std::optional<std::string> split, domain, part;
  std::optional<bool> labels;
  bool training = false;   // the training images, whatever data.split says
  bool own_sizes = false;  // images of mixed sizes keep them, unless data.resolution is set: for measuring
  bool whole = false;      // every image with its label: ignores limit, labels_per_class, part and crop_margin
};

class OpenedData {
 public:
  /// Reads nothing yet. Errors: UserError (options that contradict each other).
  explicit OpenedData(DataOptions options);
  ~OpenedData();
  OpenedData(OpenedData&&) noexcept;

  const DataOptions& options() const;
  /// The view may outlive this object. Held-out images are only in views with `part` = "held_out". Errors: UserError as
  /// open_dataset.
  std::shared_ptr<const Dataset> view(const View& which = {});
  /// The key() of this view, for which no image is decoded. Errors: as view.
  std::string key(const View& which = {});
  /// Which view test() opens, if there is one; logged if not. No image is decoded.
  std::optional<View> test_view(std::optional<bool> labels = {}, std::optional<std::string> domain = {});
  /// The test images: those that data.held_out holds out, else the test split, else null, which is logged. domain: of a
  /// translation set, instead of the options'. Errors: as view.
  std::shared_ptr<const Dataset> test(std::optional<bool> labels = {}, std::optional<std::string> domain = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fqgan
