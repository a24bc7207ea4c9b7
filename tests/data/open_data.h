// Small images, and what the tests ask of an opened data set.
#pragma once

#include <ATen/ops/zeros.h>

#include <filesystem>
#include <string>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/data/dataset.h"
#include "fqgan/data/images/image_file.h"
#include "support/support.h"

namespace fqgan::test {

/// A gray image of 2 x 2 pixels of this brightness.
inline std::string gray_png(int64_t brightness) {
  return encode_png(at::zeros({1, 2, 2}, at::kByte).fill_(brightness % 256));
}

inline DataOptions at_path(const std::filesystem::path& path) {
  DataOptions options;
  options.path = path.string();
  return options;
}

inline DataOptions of_split(const std::filesystem::path& path, const std::string& split) {
  auto options = at_path(path);
  options.split = split;
  return options;
}

inline std::string error_of(const DataOptions& options) {
  return message_of<UserError>([&] { open_dataset(options); });
}

inline std::vector<std::string> names_of(const Dataset& data) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < data.info().images; ++i) names.push_back(data.name(i));
  return names;
}

inline std::vector<int64_t> labels_of(const Dataset& data) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < data.info().images; ++i) labels.push_back(data.label(i));
  return labels;
}

inline std::vector<std::string> classes_at(const std::filesystem::path& path) {
  return open_dataset(at_path(path))->info().class_names;
}

/// What is logged while the set is opened.
inline std::string log_of(const DataOptions& options) {
  testing::internal::CaptureStderr();
  open_dataset(options);
  return testing::internal::GetCapturedStderr();
}

}  // namespace fqgan::test
