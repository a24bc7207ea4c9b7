#include "fqgan/ops/upfirdn_cpu.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <type_traits>
#include <vector>

#include "fqgan/ops/processor_versions.h"

namespace fqgan::ops {
namespace {

/// The pixels of a row or column that take part in one pixel of the result, and their factors.
struct Contribution {
  int64_t from;
  double factor;
};
using Contributions = std::vector<std::vector<Contribution>>;

Contributions contributions_of(const Upfirdn& filter, int64_t size, int64_t result, int64_t before) {
  const auto count = std::ssize(filter.taps);
  Contributions all(result);
  for (int64_t o = 0; o < result; ++o)
    for (int64_t t = 0; t < count; ++t) {
      const auto place = o * filter.down + t - before;
      if (place < 0 || place % filter.up || place / filter.up >= size) continue;
      const auto tap = filter.taps[filter.correlation ? t : count - 1 - t];
      all[o].push_back({place / filter.up, tap * std::sqrt(filter.gain)});
    }
  return all;
}

template <class T, class Sum>
[[gnu::always_inline]] inline void add_scaled_of(const T* x, Sum factor, int64_t count, Sum* sum) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) sum[i] += factor * static_cast<Sum>(x[i]);
}

template <class T, class Sum>
[[gnu::always_inline]] inline void store_of(const Sum* sum, int64_t count, T* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<T>(sum[i]);
}

FQGAN_PROCESSOR_VERSIONS void add_scaled(const float* x, float factor, int64_t count, float* sum) {
  add_scaled_of(x, factor, count, sum);
}
FQGAN_PROCESSOR_VERSIONS void add_scaled(const double* x, double factor, int64_t count, double* sum) {
  add_scaled_of(x, factor, count, sum);
}
FQGAN_PROCESSOR_VERSIONS void add_scaled(const at::BFloat16* x, float factor, int64_t count, float* sum) {
  add_scaled_of(x, factor, count, sum);
}
FQGAN_PROCESSOR_VERSIONS void store(const float* sum, int64_t count, float* y) { store_of(sum, count, y); }
FQGAN_PROCESSOR_VERSIONS void store(const double* sum, int64_t count, double* y) { store_of(sum, count, y); }
FQGAN_PROCESSOR_VERSIONS void store(const float* sum, int64_t count, at::BFloat16* y) { store_of(sum, count, y); }

template <class T>
void resample(const at::Tensor& x, const Upfirdn& filter, const at::Tensor& y) {
  using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const auto channels = x.size(1), height = x.size(2), width = x.size(3), rows = y.size(2), columns = y.size(3);
  const auto vertical = contributions_of(filter, height, rows, filter.padding.top);
  const auto horizontal = contributions_of(filter, width, columns, filter.padding.left);
  const auto* from = x.const_data_ptr<T>();
  auto* to = y.mutable_data_ptr<T>();
  at::parallel_for(0, x.size(0) * rows, 1, [&](int64_t begin, int64_t end) {
    std::vector<Sum> line(width * channels), pixel(channels);
    for (int64_t i = begin; i < end; ++i) {
      const auto image = i / rows;
      std::fill(line.begin(), line.end(), Sum(0));
      for (const auto& part : vertical[i % rows])
        add_scaled(from + (image * height + part.from) * width * channels, static_cast<Sum>(part.factor),
                   width * channels, line.data());
      for (int64_t column = 0; column < columns; ++column) {
        std::fill(pixel.begin(), pixel.end(), Sum(0));
        for (const auto& part : horizontal[column])
          add_scaled(line.data() + part.from * channels, static_cast<Sum>(part.factor), channels, pixel.data());
        store(pixel.data(), channels, to + (i * columns + column) * channels);
      }
    }
  });
}

}  // namespace

void upfirdn_cpu(const at::Tensor& x, const Upfirdn& filter, const at::Tensor& y) {
  if (x.scalar_type() == at::kDouble) return resample<double>(x, filter, y);
  if (x.scalar_type() == at::kBFloat16) return resample<at::BFloat16>(x, filter, y);
  resample<float>(x, filter, y);
}

}  // namespace fqgan::ops
