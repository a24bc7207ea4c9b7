// The kinds of output of output.h, one file each; the table is in output.cpp. Their input is checked: batches on the
// CPU, all of one shape, all with or all without labels; finish() is called once, after at least one image.
#pragma once

#include <filesystem>
#include <memory>

#include "fqgan/inference/output.h"

namespace fqgan {

std::unique_ptr<ImageOutput> open_grid_output(const std::filesystem::path& target, OutputOptions options);
std::unique_ptr<ImageOutput> open_animation_output(const std::filesystem::path& target, OutputOptions options);
std::unique_ptr<ImageOutput> open_tensor_output(const std::filesystem::path& target, OutputOptions options);
std::unique_ptr<ImageOutput> open_zip_output(const std::filesystem::path& target, OutputOptions options);
std::unique_ptr<ImageOutput> open_folder_output(const std::filesystem::path& target, OutputOptions options);

}  // namespace fqgan
