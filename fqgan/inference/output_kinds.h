// The kinds of output behind output.h, one file each; the table is in output.cpp. What they are given has been checked:
// batches on the CPU, all of one shape, with labels or all without; finish() comes once, after at least one image.
#pragma once

#include <filesystem>
#include <memory>

#include "fqgan/inference/output.h"

namespace fqgan {

std::unique_ptr<ImageOutput> open_grid_output(const std::filesystem::path& target, OutputOptions options);
std::unique_ptr<ImageOutput> open_tensor_output(const std::filesystem::path& target, OutputOptions options);
std::unique_ptr<ImageOutput> open_zip_output(const std::filesystem::path& target, OutputOptions options);
std::unique_ptr<ImageOutput> open_folder_output(const std::filesystem::path& target, OutputOptions options);

}  // namespace fqgan
