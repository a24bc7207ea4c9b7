#include "fqgan/profiling/rates.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "fqgan/ops/kernels/instruction_set.h"
#include "fqgan/profiling/clock.h"

namespace fqgan {

double measured_peak(bool bfloat16) {
  const auto& peak = ops::kernels::active().peak;
  const auto burn = bfloat16 ? peak.bfloat16 : peak.float32;
  constexpr int64_t rounds = 400000, side = 2048;
  const auto threads = at::get_num_threads();
  double best = 0;
  for (int repeat = 0; burn && repeat < 5; ++repeat) {
    std::vector<double> done(threads);
    const double started = seconds_now();
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
      for (auto t = begin; t < end; ++t) done[t] = burn(rounds);
    });
    const double seconds = seconds_now() - started;
    best = std::max(best, std::accumulate(done.begin(), done.end(), 0.) / seconds);
  }
  const auto a = at::ones({side, side}, bfloat16 ? at::kBFloat16 : at::kFloat);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const double started = seconds_now();
    const auto product = at::mm(a, a);
    best = std::max(best, 2. * side * side * side / (seconds_now() - started));
  }
  return best;
}

DeviceRates measured_rates(at::Device device, at::ScalarType type) {
  constexpr double enough = 0.1;  // seconds of repeats
  const int64_t side = device.is_cpu() ? 1024 : 8192, elements = 1 << 24;
  const auto best_of = [&](const auto& work) {
    double best = std::numeric_limits<double>::infinity();
    for (const double first = seconds_now(); seconds_now() - first < enough || !std::isfinite(best);) {
      const double started = seconds_now();
      work();
      if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
      best = std::min(best, seconds_now() - started);
    }
    return best;
  };
  const at::NoGradGuard no_grad;
  const auto options = at::TensorOptions(device).dtype(type);
  const auto a = at::ones({side, side}, options);
  auto product = at::empty_like(a);
  const auto from = at::ones({elements}, options.dtype(at::kFloat));
  auto to = at::zeros_like(from);
  return {2. * static_cast<double>(side * side * side) / best_of([&] { at::mm_out(product, a, a); }),
          2. * static_cast<double>(from.nbytes()) / best_of([&] { to.copy_(from); })};
}

double ShapeRates::rate(const Product& p) {
  const auto found = known_.find(p);
  if (found != known_.end()) return found->second;
  constexpr int repeats = 3;
  const at::NoGradGuard no_grad;
  const auto type = p.bfloat16 ? at::kBFloat16 : at::kFloat;
  const auto a = at::ones({p.count, p.rows, p.depth}, type), b = at::ones({p.count, p.depth, p.columns}, type);
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const double started = seconds_now();
    const auto result = p.count == 1 ? at::mm(a[0], b[0]) : at::bmm(a, b);
    best = std::max(best, p.operations() / (seconds_now() - started));
  }
  return known_[p] = best;
}

}  // namespace fqgan
