#include "fqgan/metrics/clusters.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <limits>
#include <vector>

#include "fqgan/core/streams.h"
#include "fqgan/metrics/blocks.h"

namespace fqgan {
namespace {

constexpr int64_t cluster_starts = 10, cluster_rounds = 300, cluster_block = 1024;

/// The squared distances of all points to one point: N
at::Tensor squared_to(const at::Tensor& points, const at::Tensor& one) {
  const auto result = at::empty({points.size(0)}, points.options());
  for_blocks(points.size(0), cluster_block, [&](int64_t begin, int64_t end) {
    result.slice(0, begin, end).copy_((points.slice(0, begin, end) - one).square().sum(1));
  });
  return result;
}

/// Each centre is drawn with a probability that is proportional to its squared distance to the centres before it.
at::Tensor start_centres(const at::Tensor& points, int64_t clusters, Streams& random) {
  auto row = random.integers(points.size(0), {1}, "clusters").item<int64_t>();
  std::vector<at::Tensor> centres{points[row]};
  auto apart = squared_to(points, points[row]);
  while (std::ssize(centres) < clusters) {
    const auto* weights = apart.const_data_ptr<double>();
    double total = 0;
    for (int64_t i = 0; i < points.size(0); ++i) total += weights[i];
    double left = random.uniform({1}, "clusters").item<double>() * total;
    for (row = 0; row + 1 < points.size(0) && left >= weights[row]; ++row) left -= weights[row];
    centres.push_back(points[row]);
    apart = at::minimum(apart, squared_to(points, points[row]));
  }
  return at::stack(centres);
}

/// One round: the means of the points that are nearest to each centre. A centre without points stays.
at::Tensor moved_centres(const at::Tensor& points, const at::Tensor& labels, const at::Tensor& centres) {
  const int64_t blocks = (points.size(0) + cluster_block - 1) / cluster_block, clusters = centres.size(0);
  std::vector<at::Tensor> sums(blocks), counts(blocks);
  for_blocks(points.size(0), cluster_block, [&](int64_t begin, int64_t end) {
    const auto members = at::one_hot(labels.slice(0, begin, end), clusters).to(at::kDouble);
    sums[begin / cluster_block] = members.t().mm(points.slice(0, begin, end));
    counts[begin / cluster_block] = members.sum(0);
  });
  for (int64_t b = 1; b < blocks; ++b) {
    sums[0] += sums[b];
    counts[0] += counts[b];
  }
  const auto count = counts[0].unsqueeze(1);
  return at::where(count > 0, sums[0] / count.clamp_min(1), centres);
}

double inertia(const at::Tensor& points, const at::Tensor& labels, const at::Tensor& centres) {
  double sum = 0;
  for (int64_t begin = 0; begin < points.size(0); begin += cluster_block) {
    const auto own = centres.index_select(0, labels.slice(0, begin, begin + cluster_block));
    sum += (points.slice(0, begin, begin + cluster_block) - own).square().sum().item<double>();
  }
  return sum;
}

}  // namespace

at::Tensor nearest_centres(const at::Tensor& points, const at::Tensor& centres) {
  const auto labels = at::empty({points.size(0)}, points.options().dtype(at::kLong));
  const auto lengths = centres.square().sum(1);
  for_blocks(points.size(0), cluster_block, [&](int64_t begin, int64_t end) {
    const auto products = points.slice(0, begin, end).mm(centres.t());
    labels.slice(0, begin, end).copy_((lengths - 2 * products).argmin(1));
  });
  return labels;
}

at::Tensor cluster_centres(const at::Tensor& points, int64_t clusters, uint64_t seed) {
  at::Tensor best;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t start = 0; start < cluster_starts; ++start) {
    Streams random(seed, Counters{.iteration = start});
    auto centres = start_centres(points, clusters, random);
    auto labels = nearest_centres(points, centres);
    for (int64_t round = 0; round < cluster_rounds; ++round) {
      centres = moved_centres(points, labels, centres);
      const auto now = nearest_centres(points, centres);
      if (now.equal(labels)) break;
      labels = now;
    }
    const double sum = inertia(points, labels, centres);
    if (sum >= least) continue;
    least = sum;
    best = centres;
  }
  return best;
}

}  // namespace fqgan
