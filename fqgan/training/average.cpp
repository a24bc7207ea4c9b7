#include "fqgan/training/average.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/nn/copy.h"

namespace fqgan {

void update_average(const AverageSpec& average, const torch::nn::Module& source, int64_t iteration) {
  torch::NoGradGuard no_grad;
  if (iteration + 1 < average.start) return copy_state(source, *average.network);
  const double t = static_cast<double>(std::max<int64_t>(iteration - average.start, 0));
  const double decay = average.ramp ? std::min(average.decay, (1 + t) / (10 + t)) : average.decay;

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
