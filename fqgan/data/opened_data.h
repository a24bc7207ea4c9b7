// One source of images, opened once, and views of it: training and test images, labelled ones, the two domains of a
// translation set, images that are held out. Files are read and images decoded at the first view that needs them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// Which images a view shows. What is unset is as the table [data] says.
struct View {
  std::optional<std::string> split, domain, part;
  std::optional<bool> labels;
  bool whole = false;  // every image with its own label, as it is: without limit, labels_per_class, part, crop_margin
};

class OpenedData {
 public:
  /// Nothing is read yet. Errors: UserError (options that contradict each other).
  explicit OpenedData(DataOptions options);
  ~OpenedData();
  OpenedData(OpenedData&&) noexcept;

  const DataOptions& options() const;
  /// May outlive this object. Images that are held out stand in no view but those of `part` = "held_out". Errors:
  /// UserError as open_dataset.
  std::shared_ptr<const Dataset> view(const View& which = {});
  /// What belongs to the training images to test with: those that data.held_out holds out, else all of the test split,
  /// else null, and a line in the log says so where files were looked for. Errors: as view, for a test split that is
  /// there.
  /// domain: of a translation set, instead of the options'.
  std::shared_ptr<const Dataset> test(std::optional<bool> labels = {}, std::optional<std::string> domain = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fqgan
