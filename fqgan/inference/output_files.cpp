// Names and encoding of outputs with one PNG per image.
#include "fqgan/inference/output_files.h"

#include <set>

#include "fqgan/core/error.h"
#include "fqgan/data/images/image_file.h"

namespace fqgan {
namespace {

std::string safe_name(std::string name) {
  for (char& c : name) {
    const bool control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    if (control || std::string_view("/\\:*?\"<>|").find(c) != std::string_view::npos) c = '_';
  }
  if (name.empty()) name = "_";
  if (name.front() == '.') name.front() = '_';
  return name;
}

std::string file_name(int64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits + ".png";
}

}  // namespace

std::vector<std::string> class_folders(const std::vector<std::string>& class_names) {
  std::vector<std::string> folders;
  std::set<std::string> taken;
  for (const auto& class_name : class_names) {
    const std::string safe = safe_name(class_name);
    std::string folder = safe;
    for (int number = 2; !taken.insert(folder).second; ++number) folder = safe + "_" + std::to_string(number);
    folders.push_back(folder);
  }
  return folders;
}

std::string PngFiles::folder_of(const at::Tensor& labels, int64_t row) const {
  if (folders_.empty() || !labels.defined()) return "";
  const auto label = labels[row].item<int64_t>();
  FQGAN_CHECK(label >= 0 && label < std::ssize(folders_), "a label without a class name");
  return folders_[static_cast<size_t>(label)] + "/";
}

void PngFiles::add(const SampledImages& images) {
  const at::Tensor pixels = to_pixels(images.pixels);
  for (int64_t row = 0; row < pixels.size(0); ++row) {
    put(folder_of(images.labels, row) + file_name(count_++), encode_png(pixels[row]));
  }
}

}  // namespace fqgan
