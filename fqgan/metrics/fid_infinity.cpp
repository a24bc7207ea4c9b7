#include "fqgan/metrics/fid_infinity.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <vector>

#include "fqgan/core/numpy_random.h"
#include "fqgan/metrics/check_features.h"
#include "fqgan/metrics/frechet.h"
#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {
namespace {

constexpr int64_t line_points = 15, largest_first = 5000;

/// numpy.linspace(first, images, 15).astype(int)
std::vector<int64_t> sizes_up_to(int64_t images) {
  const auto first = std::min<int64_t>(largest_first, std::max<int64_t>(images / 10, 2));
  const double step = static_cast<double>(images - first) / (line_points - 1);
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i + 1 < line_points; ++i)
    sizes.push_back(static_cast<int64_t>(static_cast<double>(i) * step + static_cast<double>(first)));
  sizes.push_back(images);
  return sizes;
}

/// The value at x = 0 of the least-squares line.
double intercept(const std::vector<double>& x, const std::vector<double>& y) {
  const double mean_x = mean_and_std(x).mean, mean_y = mean_and_std(y).mean;
  double products = 0, squares = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    products += (x[i] - mean_x) * (y[i] - mean_y);
    squares += (x[i] - mean_x) * (x[i] - mean_x);
  }
  return mean_y - products / squares * mean_x;
}

}  // namespace

double fid_infinity(const at::Tensor& generated, const Moments& real) {
  check_features(generated, "fid_infinity", "generated features");
  check_images(generated.size(0), fewest_for_fid_infinity, "fid_infinity", "generated images", "use more images");
  NumpyRandom random(0);
  std::vector<double> inverse, distances;
  for (const auto size : sizes_up_to(generated.size(0))) {
    const auto rows = at::tensor(random.choice_without_replacement(generated.size(0), size));
    Moments some;
    some.add(generated.detach().to(at::kCPU).index_select(0, rows));
    inverse.push_back(1 / static_cast<double>(size));
    distances.push_back(frechet_distance(some, real));
  }
  return intercept(inverse, distances);
}

}  // namespace fqgan
