// X.safetensors: all images as one tensor, without rounding to pixels.
#include <ATen/ops/cat.h>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/inference/output_kinds.h"

namespace fqgan {
namespace {

class TensorOutput : public ImageOutput {
 public:
  explicit TensorOutput(std::string target) : target_(std::move(target)) {}

  void add(const SampledImages& images) override {
    images_.push_back(images.pixels.to(at::kFloat));
    if (images.labels.defined()) labels_.push_back(images.labels.to(at::kLong));
  }

  void finish() override {
    Checkpoint file;
    file.tensors["images"] = at::cat(images_);
    if (!labels_.empty()) file.tensors["labels"] = at::cat(labels_);
    save_checkpoint(target_, file);
  }

 private:
  std::string target_;
  std::vector<at::Tensor> images_, labels_;
};

}  // namespace

std::unique_ptr<ImageOutput> open_tensor_output(const std::filesystem::path& target, OutputOptions options) {
  return std::make_unique<TensorOutput>(target.string());
}

}  // namespace fqgan
