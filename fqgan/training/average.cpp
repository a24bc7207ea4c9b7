#include "fqgan/training/average.h"

#include <algorithm>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

/// Of what the average holds after t steps.
double decay_at(const AverageSpec& average, double t) {
  if (average.ramp) return std::min(average.decay, (1 + t) / (10 + t));
  if (average.corrected) return average.decay * (1 - std::pow(average.decay, t)) / (1 - std::pow(average.decay, t + 1));
  return average.decay;
}

}  // namespace

void update_average(const AverageSpec& average, const torch::nn::Module& source, int64_t iteration) {
  torch::NoGradGuard no_grad;
  if (iteration + 1 < average.start) return copy_state(source, *average.network);
  const double t = static_cast<double>(std::max<int64_t>(iteration - average.start, 0));
  const double decay = decay_at(average, t);

  auto targets = average.network->parameters();
  const auto sources = source.parameters();
  FQGAN_CHECK(targets.size() == sources.size(), "the average has another architecture than its network");
  at::_foreach_lerp_(targets, sources, 1 - decay);
  auto target_buffers = average.network->buffers();
  const auto source_buffers = source.buffers();
  for (size_t i = 0; i < target_buffers.size(); ++i) {
    if (target_buffers[i].is_floating_point())
      target_buffers[i].lerp_(source_buffers[i], 1 - decay);
    else
      target_buffers[i].copy_(source_buffers[i]);
  }
}

}  // namespace fqgan
