#include "fqgan/training/average.h"

#include <algorithm>
#include <cmath>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

/// The decay of an average with a half-life in images.
double by_images(const AverageSpec& average, const AverageTime& now) {
  auto half_life = *average.half_life;
  if (average.half_life_ramp > 0)
    half_life = std::min(half_life, static_cast<double>(now.images_seen) * average.half_life_ramp);
  return std::pow(0.5, static_cast<double>(now.images) / std::max(half_life, 1e-8));
}

}  // namespace

double average_decay(const AverageSpec& average, const AverageTime& now) {
  FQGAN_CHECK(!average.half_life || !(average.ramp || average.corrected),
              "an average with a half-life uses half_life_ramp, not ramp");
  if (now.iteration + 1 < average.start) return 0;
  if (average.half_life) return by_images(average, now);
  const double t = static_cast<double>(std::max<int64_t>(now.iteration - average.start, 0));
  if (average.ramp) return std::min(average.decay, (1 + t) / (10 + t));
  if (average.corrected) return average.decay * (1 - std::pow(average.decay, t)) / (1 - std::pow(average.decay, t + 1));
  return average.decay;
}

void update_average(const AverageSpec& average, const torch::nn::Module& source, const AverageTime& now) {
  torch::NoGradGuard no_grad;
  const double decay = average_decay(average, now);
  auto targets = average.network->parameters();
  auto sources = source.parameters();
  const auto target_buffers = average.network->buffers(), source_buffers = source.buffers();
  FQGAN_CHECK(targets.size() == sources.size() && target_buffers.size() == source_buffers.size(),
              "the average and its network have different architectures");
  for (size_t i = 0; i < target_buffers.size(); ++i) {
    if (average.buffers == AverageBuffers::average && target_buffers[i].is_floating_point()) {
      targets.push_back(target_buffers[i]);
      sources.push_back(source_buffers[i]);
    } else {
      target_buffers[i].copy_(source_buffers[i]);
    }
  }
  at::_foreach_lerp_(targets, sources, 1 - decay);
}

}  // namespace fqgan
