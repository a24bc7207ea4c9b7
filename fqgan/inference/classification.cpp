#include "fqgan/inference/classification.h"

#include <map>

#include "fqgan/inference/chunks.h"

namespace fqgan {
namespace {

constexpr int64_t images_at_once = 500;

torch::Tensor probabilities_of(Family& family, const ChunkPixels& pixels) {
  auto random = Streams::unused();
  auto pass = family.numerics.pass(random);
  const auto logits = family.classifier->logits(family.numerics.batch(pixels.images, pixels.labels), pass);
  return at::softmax(logits.to(torch::kCPU, torch::kFloat), 1);
}

/// Sums the probabilities of classifiers that use the same chunks.
Classification summed(const std::vector<Family*>& classifiers, int64_t batch, const Dataset& images,
                      const std::function<void(int64_t)>& progress) {
  std::vector<torch::Tensor> sums, labels;
  for (const auto& chunk : chunks_of(images.info().images, batch, images_at_once)) {
    const auto pixels = read_chunk(images, chunk);
    torch::Tensor sum;
    for (auto* family : classifiers) {
      const auto p = probabilities_of(*family, pixels);
      sum = sum.defined() ? sum + p : p;
    }
    sums.push_back(sum.slice(0, chunk.known));
    labels.push_back(pixels.labels.slice(0, chunk.known));
    if (progress) progress(chunk.first + chunk.count);
  }
  return {at::cat(sums), at::cat(labels)};
}

}  // namespace

Classification classify_all(const std::vector<Family*>& classifiers, const Dataset& images,
                            const std::function<void(int64_t)>& progress) {
  torch::NoGradGuard no_grad;
  std::map<int64_t, std::vector<Family*>> alike;  // classifiers by the size of their chunks
  for (auto* family : classifiers) alike[family->classifier->batch].push_back(family);
  Classification found;
  for (const auto& [batch, families] : alike) {
    const auto part = summed(families, batch, images, progress);
    found.labels = part.labels;
    found.probabilities = found.probabilities.defined() ? found.probabilities + part.probabilities : part.probabilities;
  }
  found.probabilities = found.probabilities / static_cast<double>(classifiers.size());
  return found;
}

}  // namespace fqgan
