// Rows are summed in float32 within blocks of a fixed size, and the blocks in double, in order.
#include "fqgan/ops/batch_norm_cpu.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan::ops::cpu {
namespace {

constexpr int64_t block_rows = 128;

kernels::Map map_of(const at::Tensor& x) {
  const auto images = x.size(0), positions = x.size(2) * x.size(3);
  return {x.const_data_ptr(), x.scalar_type() == at::kBFloat16, false, images, positions, x.size(1),
          images * positions};
}

int64_t blocks_of(int64_t rows) { return (rows + block_rows - 1) / block_rows; }

/// Combines the blocks' moments (Chan et al. 1979): mean and variance of all rows.
void combine(const std::vector<float>& moments, int64_t rows, int64_t channels, float* mean, float* variance) {
  const auto blocks = blocks_of(rows);
  at::parallel_for(0, channels, 16, [&](int64_t begin, int64_t end) {
    for (auto c = begin; c < end; ++c) {
      double sum = 0, squares = 0;
      for (int64_t b = 0; b < blocks; ++b) {
        const auto count = static_cast<double>(std::min(block_rows, rows - b * block_rows));
        const double block_mean = moments[2 * b * channels + c];
        const auto before = static_cast<double>(b * block_rows);
        const double gap = before > 0 ? block_mean - sum / before : 0;
        squares += moments[(2 * b + 1) * channels + c] + gap * gap * before * count / (before + count);
        sum += block_mean * count;
      }
      mean[c] = static_cast<float>(sum / static_cast<double>(rows));
      variance[c] = static_cast<float>(squares / static_cast<double>(rows));
    }
  });
}

std::vector<float> inverse_stddevs_of(const float* variance, int64_t channels, double epsilon) {
  std::vector<float> result(channels);
  for (int64_t c = 0; c < channels; ++c)
    result[c] = static_cast<float>(1 / std::sqrt(static_cast<double>(variance[c]) + epsilon));
  return result;
}

/// Groups of rows with one gain and bias: the images if these are N x C, else blocks of all rows.
struct Groups {
  Groups(const kernels::Map& map, const at::Tensor& gain)
      : all(map.rows), rows(gain.dim() == 2 ? map.positions : block_rows), count((all + rows - 1) / rows) {}
  int64_t first(int64_t group) const { return group * rows; }
  int64_t last(int64_t group) const { return std::min(all, (group + 1) * rows); }

  int64_t all, rows, count;
};

/// Row `group` of an N x C tensor, or the only one of a C.
const float* row_of(const at::Tensor& values, int64_t group) {
  return values.const_data_ptr<float>() + (values.dim() == 2 ? group * values.size(1) : 0);
}

std::vector<float> product(const float* a, const std::vector<float>& b) {
  std::vector<float> result(b.size());
  for (size_t c = 0; c < b.size(); ++c) result[c] = a[c] * b[c];
  return result;
}

/// Per group: the sums of gradient and of gradient times the normalized features, groups x C each.
void group_sums(const kernels::Map& map, const Groups& groups, const void* gradient, const float* mean,
                const std::vector<float>& inverse_stddev, double* sum, double* weighted) {
  const auto channels = map.channels;
  at::parallel_for(0, groups.count, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> part(2 * channels);
    for (auto g = begin; g < end; ++g)
      for (auto first = groups.first(g); first < groups.last(g); first += block_rows) {
        const auto last = std::min(first + block_rows, groups.last(g));
        kernels::active().loops.columns.gradient_sums(map, gradient, first, last, mean, inverse_stddev.data(),
                                                      part.data(), part.data() + channels);
        for (int64_t c = 0; c < channels; ++c) {
          sum[g * channels + c] += part[c];
          weighted[g * channels + c] += part[channels + c];
        }
      }
  });
}

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm(const at::Tensor& x, const at::Tensor& gain,
                                                          const at::Tensor& bias, double epsilon) {
  const auto map = map_of(x);
  const auto rows = map.rows, channels = map.channels, blocks = blocks_of(rows);
  auto y = at::empty_like(x);
  auto mean = at::empty({channels}, gain.options()), variance = at::empty_like(mean);
  std::vector<float> moments(2 * blocks * channels);
  at::parallel_for(0, blocks, 4, [&](int64_t begin, int64_t end) {
    for (auto b = begin; b < end; ++b)
      kernels::active().loops.columns.moments(map, b * block_rows, std::min((b + 1) * block_rows, rows),
                                              &moments[2 * b * channels], &moments[(2 * b + 1) * channels]);
  });
  combine(moments, rows, channels, mean.mutable_data_ptr<float>(), variance.mutable_data_ptr<float>());
  const auto* center = mean.const_data_ptr<float>();
  const auto inverse_stddev = inverse_stddevs_of(variance.const_data_ptr<float>(), channels, epsilon);
  const Groups groups(map, gain);
  at::parallel_for(0, groups.count, 1, [&](int64_t begin, int64_t end) {
    for (auto g = begin; g < end; ++g)
      kernels::active().loops.columns.normalise(map, groups.first(g), groups.last(g), center,
                                                product(row_of(gain, g), inverse_stddev).data(), row_of(bias, g),
                                                y.mutable_data_ptr());
  });
  return {y, mean, variance};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                                   const at::Tensor& gain, const at::Tensor& mean,
                                                                   const at::Tensor& variance, double epsilon) {
  const auto map = map_of(x);
  const Groups groups(map, gain);
  const auto channels = map.channels;
  const auto* center = mean.const_data_ptr<float>();
  const auto inverse_stddev = inverse_stddevs_of(variance.const_data_ptr<float>(), channels, epsilon);
  const auto wide = gain.options().dtype(at::kDouble);
  auto dbias = at::zeros({groups.count, channels}, wide), dgain = at::zeros_like(dbias);
  group_sums(map, groups, gradient.const_data_ptr(), center, inverse_stddev, dbias.mutable_data_ptr<double>(),
             dgain.mutable_data_ptr<double>());
  // dx = gain inverse_stddev (g - mean(gain g) / gain - normalized x mean(gain g normalized x) / gain), with means over
  // rows
  const auto* sum = dbias.const_data_ptr<double>();
  const auto* weighted = dgain.const_data_ptr<double>();
  std::vector<double> total(channels, 0), total_weighted(channels, 0);
  for (int64_t g = 0; g < groups.count; ++g) {
    const auto* factor = row_of(gain, g);
    for (int64_t c = 0; c < channels; ++c) {
      total[c] += factor[c] * sum[g * channels + c];
      total_weighted[c] += factor[c] * weighted[g * channels + c];
    }
  }
  std::vector<float> slope(channels), offset(channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double per_row = inverse_stddev[c] / static_cast<double>(map.rows);
    offset[c] = static_cast<float>(-total[c] * per_row);
    slope[c] = static_cast<float>(-total_weighted[c] * per_row * inverse_stddev[c]);
  }
  auto dx = at::empty_like(x);
  at::parallel_for(0, groups.count, 1, [&](int64_t begin, int64_t end) {
    for (auto g = begin; g < end; ++g)
      kernels::active().loops.columns.normalise_back(map, gradient.const_data_ptr(), groups.first(g), groups.last(g),
                                                     center, product(row_of(gain, g), inverse_stddev).data(),
                                                     slope.data(), offset.data(), dx.mutable_data_ptr());
  });
  const auto reduced = [&](const at::Tensor& t) { return (gain.dim() == 1 ? t.sum(0) : t).to(at::kFloat); };
  return {dx, reduced(dgain), reduced(dbias)};
}

at::Tensor channel_sums(const at::Tensor& x) {
  const auto map = map_of(x);
  const auto rows = map.rows, channels = map.channels, blocks = blocks_of(rows);
  auto parts = at::empty({blocks, channels}, x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous));
  auto* to = parts.mutable_data_ptr<float>();
  at::parallel_for(0, blocks, 4, [&](int64_t begin, int64_t end) {
    for (auto b = begin; b < end; ++b)
      kernels::active().loops.columns.sums(map, b * block_rows, std::min((b + 1) * block_rows, rows),
                                           to + b * channels);
  });
  auto result = at::empty({channels}, parts.options());
  auto* sums = result.mutable_data_ptr<float>();
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int64_t b = 0; b < blocks; ++b) sum += to[b * channels + c];
    sums[c] = static_cast<float>(sum);
  }
  return result;
}

}  // namespace fqgan::ops::cpu
