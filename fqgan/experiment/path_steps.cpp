#include "fqgan/experiment/path_steps.h"

#include <algorithm>

#include "fqgan/core/log.h"
#include "fqgan/inference/generated_images.h"
#include "fqgan/inference/latent_steps.h"

namespace fqgan {
namespace {

constexpr int64_t pairs_at_once = 50;

at::Tensor features_of(const at::Tensor& images, FeatureExtractor& extractor) {
  const auto pixels = ((images + 1) * 127.5).clamp(0, 255);
  return extractor.distance_features(in_channels_of(extractor, pixels).contiguous(at::MemoryFormat::ChannelsLast));
}

}  // namespace

at::Tensor measured_steps(const Family& family, const SampleOptions& options, int64_t count,
                          FeatureExtractor& extractor, const PathLengthOptions& settings, double length) {
  const LatentSteps steps(family, with_classes(family, options), count, {length, settings.sampling == "end"});
  std::vector<at::Tensor> distances;
  for (int64_t first = 0; first < count; first += pairs_at_once) {
    const auto [before, after] = steps.images(first, std::min(pairs_at_once, count - first));
    distances.push_back(squared_distances(features_of(before, extractor), features_of(after, extractor)));
    log_status("ppl: " + std::to_string(first + before.size(0)) + "/" + std::to_string(count) + " pairs");
  }
  log_status("");
  return at::cat(distances);
}

}  // namespace fqgan
