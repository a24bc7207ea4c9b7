// X.png: a grid of all images.
#include <ATen/ops/cat.h>

#include "fqgan/core/error.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/inference/output_kinds.h"

namespace fqgan {
namespace {

constexpr int64_t image_limit = 10'000;

class GridOutput : public ImageOutput {
 public:
  GridOutput(std::string target, GridOptions options) : target_(std::move(target)), options_(std::move(options)) {}

  void add(const SampledImages& images) override {
    count_ += images.pixels.size(0);
    if (count_ > image_limit) {
      fail(target_, "expected up to " + std::to_string(image_limit) +
                        " images for a grid, got more. Hint: write to a folder, X.zip or X.safetensors");
    }
    batches_.push_back(to_pixels(images.pixels));
  }

  void finish() override { write_png(target_, make_grid(at::cat(batches_), options_)); }

 private:
  std::string target_;
  GridOptions options_;
  std::vector<at::Tensor> batches_;
  int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<ImageOutput> open_grid_output(const std::filesystem::path& target, OutputOptions options) {
  return std::make_unique<GridOutput>(target.string(), std::move(options.grid));
}

}  // namespace fqgan
