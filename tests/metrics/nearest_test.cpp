// The search for nearest points, with many equal distances, against all pairs; and k-means.
#include "fqgan/metrics/nearest.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "fqgan/core/streams.h"
#include "fqgan/metrics/clusters.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// Points of a small grid, so that many are equal and most distances occur often.
at::Tensor grid_points(int64_t points, const char* name) {
  return Streams(4, {}).integers(4, {points, 3}, name).to(at::kFloat);
}

using Neighbour = std::pair<double, int64_t>;

std::vector<Neighbour> nearest_of_all(const at::Tensor& point, const at::Tensor& others, int64_t k, int64_t itself) {
  const auto squared = (others - point).square().sum(1).to(at::kDouble).contiguous();
  std::vector<Neighbour> all;
  for (int64_t j = 0; j < squared.numel(); ++j)
    if (j != itself) all.emplace_back(squared.const_data_ptr<double>()[j], j);
  std::partial_sort(all.begin(), all.begin() + k, all.end());
  all.resize(k);
  return all;
}

void expect_nearest(const Nearest& found, const at::Tensor& from, const at::Tensor& to, bool within) {
  ASSERT_EQ(found.count(), from.size(0));
  for (int64_t i = 0; i < found.count(); i += 7) {
    const auto expected = nearest_of_all(from[i], to, found.neighbours, within ? i : -1);
    for (int64_t place = 0; place < found.neighbours; ++place) {
      EXPECT_EQ(found.squared_at(i, place), expected[place].first) << i;
      EXPECT_EQ(found.index_at(i, place), expected[place].second) << i;
    }
  }
}

TEST(NearestPoints, OfEqualDistancesTheFirst) {
  const auto a = grid_points(2500, "a"), b = grid_points(1300, "b");  // several tiles
  const auto screen = make_screen(as_points({a, b}), screen_type());
  for (const int64_t k : {1, 2, 5}) {
    expect_nearest(nearest_within(screen, 0, k), a, a, true);
    expect_nearest(nearest_between(screen, 0, 1, k), a, b, false);
    expect_nearest(nearest_between(screen, 1, 0, k), b, a, false);
  }
}

TEST(NearestPoints, AsManyAsThereAre) {
  const auto a = grid_points(50, "a"), b = grid_points(3, "b");
  const auto screen = make_screen(as_points({a, b}), screen_type());
  expect_nearest(nearest_between(screen, 0, 1, 3), a, b, false);
  expect_nearest(nearest_within(screen, 1, 2), b, b, true);
  EXPECT_ANY_THROW(nearest_within(screen, 1, 3));
  EXPECT_ANY_THROW(nearest_between(screen, 0, 1, 4));
}

TEST(Clusters, FindsSeparateOnesForAnyThreads) {
  Streams random(1, {});
  const auto places = at::tensor({0., 0., 50., 0., 0., 50.}).view({3, 2});
  const auto points = (places.repeat({800, 1}) + random.normal({2400, 2}, "points")).to(at::kDouble);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto centres = cluster_centres(points, 3, 5);
  at::set_num_threads(3);
  EXPECT_TRUE(cluster_centres(points, 3, 5).equal(centres));
  at::set_num_threads(threads);
  const auto labels = nearest_centres(points, centres).view({800, 3});
  EXPECT_TRUE((labels == labels[0]).all().item<bool>());
  EXPECT_EQ(nearest_centres(places, centres).sum().item<int64_t>(), 3);  // 0 + 1 + 2
  EXPECT_LT((centres.index_select(0, nearest_centres(places, centres)) - places).abs().max().item<double>(), 0.2);
}

TEST(Clusters, FewerDifferentPointsThanClusters) {
  const auto points = at::ones({6, 2}, at::kDouble);
  EXPECT_TRUE(cluster_centres(points, 3, 0).equal(at::ones({3, 2}, at::kDouble)));
}

}  // namespace
}  // namespace fqgan::test
