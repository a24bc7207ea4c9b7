#include "fqgan/metrics/copy_test.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_eigh.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/metrics/blocks.h"
#include "fqgan/metrics/check_features.h"
#include "fqgan/metrics/clusters.h"
#include "fqgan/metrics/moments.h"
#include "fqgan/metrics/nearest.h"

namespace fqgan {
namespace {

constexpr int64_t main_components = 64, projected_rows = 1024;

/// The main components of the training set, as a projection.
struct Projection {
  at::Tensor mean, components;  // D, D x 64

  explicit Projection(const at::Tensor& training) {
    Moments moments;
    moments.add(training);
    mean = moments.mean();
    const auto [values, vectors] = at::linalg_eigh(moments.covariance(), "L");  // ascending
    components = vectors.slice(1, vectors.size(1) - main_components).contiguous();
  }

  at::Tensor operator()(const at::Tensor& x) const {
    const auto result = at::empty({x.size(0), main_components}, mean.options());
    for_blocks(x.size(0), projected_rows, [&](int64_t begin, int64_t end) {
      result.slice(0, begin, end).copy_((x.slice(0, begin, end).to(at::kDouble) - mean).mm(components));
    });
    return result;
  }
};

/// (U - its mean) / its standard deviation if both samples have the same distribution. U counts the pairs in which the
/// generated image is the farther one, and half of the ties.
double mann_whitney_z(const std::vector<double>& generated, std::vector<double> test) {
  std::sort(test.begin(), test.end());
  double u = 0;
  for (const double distance : generated) {
    const auto [first, last] = std::equal_range(test.begin(), test.end(), distance);
    u += static_cast<double>(first - test.begin()) + 0.5 * static_cast<double>(last - first);
  }
  const auto m = static_cast<double>(generated.size()), n = static_cast<double>(test.size());
  return (u - (n * m / 2 - 0.5)) / std::sqrt(n * m * (n + m + 1) / 12);
}

at::Tensor in_cell(const at::Tensor& points, const at::Tensor& cells, int64_t cell) {
  return points.index_select(0, (cells == cell).nonzero().flatten());
}

/// z of one cell. Each: rows x D float64
double cell_z(const at::Tensor& training, const at::Tensor& test, const at::Tensor& generated) {
  const auto screen = make_screen({training, test, generated}, screen_type());
  return mann_whitney_z(nearest_between(screen, 2, 0, 1).squared, nearest_between(screen, 1, 0, 1).squared);
}

}  // namespace

void CopyTestOptions::fields(FieldVisitor& visit) {
  visit("cells", cells, about("number of cells into which k-means divides the training images").at_least(1));
  visit("seed", seed, about("seed of the start of k-means").at_least(0));
}

int64_t CopyTestOptions::fewest_training_images() const { return std::max<int64_t>(cells, 2); }

std::optional<double> copy_test(const at::Tensor& training, const at::Tensor& test, const at::Tensor& generated,
                                const CopyTestOptions& options) {
  const auto where = "c_t";
  check_features(training, where, "training features");
  check_features(test, where, "test features");
  check_features(generated, where, "generated features");
  check_same_dimension(training.size(1), test.size(1), where);
  check_same_dimension(training.size(1), generated.size(1), where);
  if (options.cells < 1) fail(where, "expected c_t.cells >= 1, got " + std::to_string(options.cells));
  check_images(training.size(0), options.fewest_training_images(), where, "training images, one in each cell",
               "use more images");

  std::vector<at::Tensor> sets{training.detach().to(at::kCPU), test.detach().to(at::kCPU),
                               generated.detach().to(at::kCPU)};
  if (training.size(1) > main_components) {
    const Projection project(sets[0]);
    for (auto& set : sets) set = project(set);
  }
  for (auto& set : sets) set = set.to(at::kDouble).contiguous();
  const auto centres = cluster_centres(sets[0], options.cells, static_cast<uint64_t>(options.seed));
  std::vector<at::Tensor> cells;
  for (const auto& set : sets) cells.push_back(nearest_centres(set, centres));

  double sum = 0, weight = 0;
  for (int64_t cell = 0; cell < options.cells; ++cell) {
    const auto own = in_cell(sets[0], cells[0], cell), tested = in_cell(sets[1], cells[1], cell);
    const auto made = in_cell(sets[2], cells[2], cell);
    if (own.size(0) < 1 || tested.size(0) < 1 || made.size(0) < fewest_generated_for_copy_test) continue;
    const auto images = static_cast<double>(tested.size(0));
    sum += images * cell_z(own, tested, made);
    weight += images;
  }
  if (weight == 0) return std::nullopt;
  return sum / weight;
}

}  // namespace fqgan
