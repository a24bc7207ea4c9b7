#include "fqgan/ops/upfirdn_cpu.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan::ops {
namespace {

/// The rows that take part in each row of the result; of row k: parts[starts[k]] to parts[starts[k + 1] - 1].
struct Contributions {
  std::vector<kernels::Contribution> parts;
  std::vector<int64_t> starts{0};

  /// size: rows of the map; before: zeros (after the upsampling) in front of it.
  Contributions(const Upfirdn& filter, int64_t size, int64_t result, int64_t before) {
    const auto count = std::ssize(filter.taps);
    for (int64_t o = 0; o < result; ++o) {
      for (int64_t t = 0; t < count; ++t) {
        const auto place = o * filter.down + t - before;
        if (place < 0 || place % filter.up || place / filter.up >= size) continue;
        const auto tap = filter.taps[filter.correlation ? t : count - 1 - t];
        parts.push_back({place / filter.up, static_cast<float>(tap * std::sqrt(filter.gain))});
      }
      starts.push_back(std::ssize(parts));
    }
  }
  const kernels::Contribution* of(int64_t row) const { return parts.data() + starts[row]; }
  int64_t count(int64_t row) const { return starts[row + 1] - starts[row]; }
};

}  // namespace

void upfirdn_cpu(const at::Tensor& x, const Upfirdn& filter, const at::Tensor& y, const RowEnd& end_of_row) {
  const auto channels = x.size(1), height = x.size(2), length = x.size(3) * channels;
  const auto rows = y.size(2), columns = y.size(3), size = x.element_size();
  const Contributions vertical(filter, height, rows, filter.padding.top);
  const Contributions horizontal(filter, x.size(3), columns, filter.padding.left);
  const auto* from = static_cast<const char*>(x.const_data_ptr());
  auto* to = static_cast<char*>(y.mutable_data_ptr());
  const bool bfloat16 = x.scalar_type() == at::kBFloat16;
  const auto& kernel = kernels::active().loops.resampling;
  at::parallel_for(0, x.size(0) * rows, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> line(length);
    for (int64_t i = begin; i < end; ++i) {
      const auto* image = from + i / rows * height * length * size;
      kernel.rows(image, bfloat16, vertical.of(i % rows), vertical.count(i % rows), length, line.data());
      auto* row = to + i * columns * channels * size;
      kernel.columns(line.data(), horizontal.parts.data(), horizontal.starts.data(), columns, channels, bfloat16, row);
      if (end_of_row) end_of_row(i / rows, i % rows, row);
    }
  });
}

}  // namespace fqgan::ops
