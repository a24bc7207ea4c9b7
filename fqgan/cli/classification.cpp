#include "fqgan/cli/classification.h"

#include <algorithm>
#include <map>

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

struct Pixels {
  torch::Tensor images, labels;  // uint8 N x C x H x W, int64 N
};

Pixels read(const Dataset& images, const JudgedChunk& chunk) {
  const auto& info = images.info();
  Pixels pixels{torch::empty({chunk.count, info.channels, info.height, info.width}, torch::kByte),
                torch::empty({chunk.count}, torch::kLong)};
  for (int64_t i = 0; i < chunk.count; ++i)
    pixels.labels[i] = images.read(chunk.first + i, pixels.images[i].mutable_data_ptr<uint8_t>());
  return pixels;
}

/// The sum over classifiers that take images in the same chunks.
Classification summed(const std::vector<Family*>& classifiers, int64_t together, const Dataset& images,
                      const std::function<void(int64_t)>& progress) {
  std::vector<torch::Tensor> sums, labels;
  for (const auto& chunk : judged_chunks(images.info().images, together, images_at_once)) {
    const auto pixels = read(images, chunk);
    torch::Tensor sum;
    for (auto* family : classifiers) {
      const auto p = probabilities_of(*family, pixels.images, pixels.labels);
      sum = sum.defined() ? sum + p : p;
    }
    sums.push_back(sum.slice(0, chunk.known));
    labels.push_back(pixels.labels.slice(0, chunk.known));
    if (progress) progress(chunk.first + chunk.count);
  }
  return {at::cat(sums), at::cat(labels)};
}

}  // namespace

std::vector<JudgedChunk> judged_chunks(int64_t images, int64_t together, int64_t otherwise) {
  const auto size = std::min(images, together > 0 ? together : otherwise);
  std::vector<JudgedChunk> chunks;
  for (int64_t done = 0; done < images; done += size) {
    const auto first = together > 0 ? std::min(done, images - size) : done;
    chunks.push_back({first, std::min(size, images - first), done - first});
  }
  return chunks;
}

Classification classify_all(const std::vector<Family*>& classifiers, const Dataset& images,
                            const std::function<void(int64_t)>& progress) {
  torch::NoGradGuard no_grad;
  std::map<int64_t, std::vector<Family*>> alike;  // by the size of their chunks
  for (auto* family : classifiers) alike[family->judged_together].push_back(family);
  Classification found;
  for (const auto& [together, families] : alike) {
    const auto part = summed(families, together, images, progress);
    found.labels = part.labels;
    found.probabilities = found.probabilities.defined() ? found.probabilities + part.probabilities : part.probabilities;
  }
  found.probabilities = found.probabilities / static_cast<double>(classifiers.size());
  return found;
}

}  // namespace fqgan
