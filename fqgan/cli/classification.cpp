#include "fqgan/cli/classification.h"

#include <algorithm>

namespace fqgan {
namespace {

constexpr int64_t images_at_once = 500;

torch::Tensor probabilities_of(Family& family, const torch::Tensor& pixels, const torch::Tensor& labels) {
  const auto& numerics = family.numerics;
  const auto images = (pixels.to(torch::kFloat) / 127.5 - 1)
                          .to(torch::TensorOptions(numerics.device).dtype(numerics.compute))
                          .contiguous(at::MemoryFormat::ChannelsLast);
  Streams random(0, Counters{0, -1});
  Pass pass(random);
  pass.compute = numerics.compute;
  pass.twin = numerics.twin;
  const auto logits = family.classify({images, labels.to(numerics.device)}, pass);
  return at::softmax(logits.to(torch::kCPU, torch::kFloat), 1);
}

}  // namespace

Classification classify_all(const std::vector<Family*>& classifiers, const Dataset& images,
                            const std::function<void(int64_t)>& progress) {
  torch::NoGradGuard no_grad;
  const auto& info = images.info();
  std::vector<torch::Tensor> probabilities, all_labels;
  for (int64_t first = 0; first < info.images; first += images_at_once) {
    const auto count = std::min(images_at_once, info.images - first);
    auto pixels = torch::empty({count, info.channels, info.height, info.width}, torch::kByte);
    auto labels = torch::empty({count}, torch::kLong);
    for (int64_t i = 0; i < count; ++i) labels[i] = images.read(first + i, pixels[i].mutable_data_ptr<uint8_t>());
    torch::Tensor sum;
    for (auto* family : classifiers) {
      const auto p = probabilities_of(*family, pixels, labels);
      sum = sum.defined() ? sum + p : p;
    }
    probabilities.push_back(sum / static_cast<double>(classifiers.size()));
    all_labels.push_back(labels);
    if (progress) progress(first + count);
  }
  return {at::cat(probabilities), at::cat(all_labels)};
}

}  // namespace fqgan
