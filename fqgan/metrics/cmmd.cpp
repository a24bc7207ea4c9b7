#include "fqgan/metrics/cmmd.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <vector>

#include "fqgan/metrics/blocks.h"
#include "fqgan/metrics/check_features.h"
#include "fqgan/metrics/kernels.h"

namespace fqgan {
namespace {

constexpr int64_t mmd_tile_rows = 512;

at::Tensor unit_rows(const at::Tensor& x, int64_t begin) {
  const auto rows = x.detach().slice(0, begin, begin + mmd_tile_rows).to(at::kDouble);
  return rows / rows.norm(2, 1, true).clamp_min(1e-300);
}

struct MmdTile {
  int64_t row, column;
  double weight;
};

/// The mean of the kernel over all pairs. Of the symmetric matrix within a side only the lower tiles are computed.
double mean_kernel(const at::Tensor& a, const at::Tensor& b, bool within) {
  std::vector<MmdTile> tiles;
  for (int64_t row = 0; row < a.size(0); row += mmd_tile_rows)
    for (int64_t column = 0; column < b.size(0); column += mmd_tile_rows)
      if (!within || column <= row) tiles.push_back({row, column, within && column < row ? 2. : 1.});
  std::vector<double> sums(tiles.size());
  for_blocks(static_cast<int64_t>(tiles.size()), 1, [&](int64_t t, int64_t) {
    const auto& [row, column, weight] = tiles[t];
    sums[t] = weight * rbf_kernel(unit_rows(a, row), unit_rows(b, column), cmmd_sigma).sum().item<double>();
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum / (static_cast<double>(a.size(0)) * static_cast<double>(b.size(0)));
}

}  // namespace

double cmmd(const at::Tensor& a, const at::Tensor& b) {
  check_features(a, "cmmd", "features of the first side");
  check_features(b, "cmmd", "features of the second side");
  check_same_dimension(a.size(1), b.size(1), "cmmd");
  check_images(a.size(0), 1, "cmmd", "images on the first side", "use more images");
  check_images(b.size(0), 1, "cmmd", "images on the second side", "use more images");
  const double squared = mean_kernel(a, a, true) + mean_kernel(b, b, true) - 2 * mean_kernel(a, b, false);
  return cmmd_scale * std::max(0., squared);  // negative only by rounding
}

}  // namespace fqgan
