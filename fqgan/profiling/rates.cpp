#include "fqgan/profiling/rates.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "fqgan/ops/kernels/instruction_set.h"
#include "fqgan/profiling/clock.h"

namespace fqgan {
namespace {

constexpr double no_limit = std::numeric_limits<double>::infinity();

/// The least seconds that `work` takes in so many repeats, or in fewer, but one, once `enough` seconds have passed.
template <class Work>
double best_seconds(int repeats, double enough, const Work& work) {
  double best = no_limit;
  const double first = seconds_now();
  for (int repeat = 0; repeat < repeats && (repeat == 0 || seconds_now() - first < enough); ++repeat) {
    const double started = seconds_now();
    work();
    best = std::min(best, seconds_now() - started);
  }
  return best;
}

/// Of a product of two square matrices.
double square_product_operations(int64_t side) { return 2. * double(side) * double(side) * double(side); }

}  // namespace

double measured_peak(bool bfloat16) {
  const auto& peak = ops::kernels::active().peak;
  const auto burn = bfloat16 ? peak.bfloat16 : peak.float32;
  constexpr int64_t rounds = 400000, side = 2048;
  std::vector<double> done(at::get_num_threads());
  const auto burn_on_all = [&] {
    at::parallel_for(0, static_cast<int64_t>(done.size()), 1, [&](int64_t begin, int64_t end) {
      for (auto t = begin; t < end; ++t) done[t] = burn(rounds);
    });
  };
  const double burning = burn ? best_seconds(5, no_limit, burn_on_all) : no_limit;
  const auto a = at::ones({side, side}, bfloat16 ? at::kBFloat16 : at::kFloat);
  const double multiplying = best_seconds(3, no_limit, [&] { at::mm(a, a); });
  return std::max(std::accumulate(done.begin(), done.end(), 0.) / burning,
                  square_product_operations(side) / multiplying);
}

DeviceRates measured_rates(at::Device device, at::ScalarType type) {
  constexpr int many = 1000;
  constexpr double enough = 0.1;
  const int64_t side = device.is_cpu() ? 1024 : 8192, elements = 1 << 24;
  const auto seconds_of = [&](const auto& work) {
    return best_seconds(many, enough, [&] {
      work();
      wait_for(device);
    });
  };
  const at::NoGradGuard no_grad;
  const auto options = at::TensorOptions(device).dtype(type);
  const auto a = at::ones({side, side}, options);
  auto product = at::empty_like(a);
  const auto from = at::ones({elements}, options.dtype(at::kFloat));
  auto to = at::zeros_like(from);
  return {square_product_operations(side) / seconds_of([&] { at::mm_out(product, a, a); }),
          2. * static_cast<double>(from.nbytes()) / seconds_of([&] { to.copy_(from); })};
}

double ShapeRates::rate(const Product& p) {
  const auto found = known_.find(p);
  if (found != known_.end()) return found->second;
  const at::NoGradGuard no_grad;
  const auto type = p.bfloat16 ? at::kBFloat16 : at::kFloat;
  const auto a = at::ones({p.count, p.rows, p.depth}, type), b = at::ones({p.count, p.depth, p.columns}, type);
  const double seconds = best_seconds(3, no_limit, [&] { p.count == 1 ? at::mm(a[0], b[0]) : at::bmm(a, b); });
  return known_[p] = p.operations() / seconds;
}

}  // namespace fqgan
