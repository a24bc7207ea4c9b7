// Names and encoding of outputs with one PNG per image; each output writes the files in its own way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fqgan/inference/output.h"

namespace fqgan {

/// A folder name for each class: characters that a file system or archive may refuse, and a leading '.', become '_';
/// duplicates get a number ("a/b", "a_b" -> "a_b", "a_b_2").
std::vector<std::string> class_folders(const std::vector<std::string>& class_names);

class PngFiles : public ImageOutput {
 public:
  explicit PngFiles(const std::vector<std::string>& class_names) : folders_(class_folders(class_names)) {}
  void add(const SampledImages& images) override;

 protected:
  /// `name`: "00017.png", "T-shirt_top/00017.png".
  virtual void put(const std::string& name, std::string_view png) = 0;

 private:
  std::string folder_of(const at::Tensor& labels, int64_t row) const;

  std::vector<std::string> folders_;
  int64_t count_ = 0;
};

}  // namespace fqgan
