// The Frechet distance: closed forms, singular covariances, and all of its ways against each other.
#include "fqgan/metrics/frechet.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

at::Tensor gaussian_rows(int64_t images, int64_t dimension, const char* name) {
  return Streams(2, {}).normal({images, dimension}, name).to(at::kDouble);
}

double of_moments(const at::Tensor& a, const at::Tensor& b) {
  Moments first, second;
  first.add(a);
  second.add(b);
  return frechet_distance(first, second);
}

/// From the covariances alone, as they are saved.
double of_statistics(const at::Tensor& a, const at::Tensor& b) {
  Moments first, second;
  first.add(a);
  second.add(b);
  return frechet_distance(Moments::from_tensors(first.tensors(), "a"), Moments::from_tensors(second.tensors(), "b"));
}

at::Tensor diagonal(std::vector<double> values) { return at::diag(at::tensor(values)); }

TEST(Frechet, ClosedFormOfDiagonalCovariances) {
  // (sqrt 4 - sqrt 1)^2 + (sqrt 9 - sqrt 16)^2 + |(1, 2)|^2
  EXPECT_NEAR(frechet_distance(at::tensor({0., 0.}), diagonal({4, 9}), at::tensor({1., 2.}), diagonal({1, 16})), 7,
              1e-13);
}

TEST(Frechet, OneDimensionIsTheDistanceOfMeanAndDeviation) {
  const auto a = at::tensor({1., 3.}).view({2, 1}), b = at::tensor({5., 5.}).view({2, 1});
  EXPECT_NEAR(of_moments(a, b), 9 + 2, 1e-14);  // means 2 and 5, standard deviations sqrt 2 and 0
  EXPECT_NEAR(frechet_distance_of_features(a, b), 11, 1e-14);
}

TEST(Frechet, IdenticalSetsGiveZero) {
  for (const int64_t images : {2, 20, 50, 51, 400}) {
    const auto x = gaussian_rows(images, 50, "x") + 3;
    EXPECT_LT(of_moments(x, x), 1e-10) << images;
    EXPECT_LT(of_statistics(x, x), 1e-10) << images;
    EXPECT_GE(of_moments(x, x), 0);
    EXPECT_LT(frechet_distance_of_features(x, x), 1e-10) << images;
  }
}

TEST(Frechet, ConstantImages) {
  const auto constant = at::full({30, 8}, 2., at::kDouble), other = at::full({7, 8}, 3., at::kDouble);
  EXPECT_NEAR(of_moments(constant, other), 8, 1e-14);
  const auto x = gaussian_rows(30, 8, "x");
  const double spread = (x - x.mean(0)).square().sum().item<double>() / 29;
  EXPECT_NEAR(of_moments(x, constant), spread + (x.mean(0) - 2).square().sum().item<double>(), 1e-12);
}

TEST(Frechet, EveryWayGivesTheSame) {
  const auto wide_a = gaussian_rows(60, 90, "a") * at::linspace(0.1, 2, 90, at::kDouble);
  const auto wide_b = gaussian_rows(80, 90, "b") + 0.2;
  const double both_singular = of_moments(wide_a, wide_b);
  EXPECT_NEAR(of_statistics(wide_a, wide_b) / both_singular, 1, 1e-9);
  EXPECT_NEAR(frechet_distance_of_features(wide_a, wide_b) / both_singular, 1, 1e-9);
  // a rotation changes nothing
  const auto rotation = std::get<0>(at::linalg_qr(gaussian_rows(90, 90, "rotation")));
  EXPECT_NEAR(of_moments(wide_a.mm(rotation), wide_b.mm(rotation)) / both_singular, 1, 1e-9);

  const auto tall_a = gaussian_rows(300, 40, "a").mm(gaussian_rows(40, 40, "mix")),
             tall_b = gaussian_rows(200, 40, "b");
  const double regular = of_moments(tall_a, tall_b);
  EXPECT_NEAR(of_moments(tall_b, tall_a) / regular, 1, 1e-9);
  EXPECT_NEAR(frechet_distance_of_features(tall_a, tall_b) / regular, 1, 1e-9);
}

TEST(Frechet, OneSingularSideInEitherOrder) {
  const auto few = gaussian_rows(11, 30, "few"), many = gaussian_rows(200, 30, "many");
  const auto x = few - few.mean(0), y = many - many.mean(0);
  const double root = at::linalg_svdvals(x.mm(y.t())).sum().item<double>() / std::sqrt(10. * 199.);
  const double expected = (few.mean(0) - many.mean(0)).square().sum().item<double>() +
                          x.square().sum().item<double>() / 10 + y.square().sum().item<double>() / 199 - 2 * root;
  EXPECT_NEAR(of_moments(few, many) / expected, 1, 1e-9);
  EXPECT_NEAR(of_moments(many, few) / expected, 1, 1e-9);
  EXPECT_NEAR(of_statistics(few, many) / expected, 1, 1e-9);
  EXPECT_NEAR(of_statistics(many, few) / expected, 1, 1e-9);
}

TEST(Frechet, FewImagesFarFromTheOrigin) {
  const auto a = gaussian_rows(20, 30, "a"), b = gaussian_rows(25, 30, "b") + 0.5;
  EXPECT_NEAR(of_moments(a + 1e8, b + 1e8) / of_moments(a, b), 1, 1e-6);  // the sums round at 1e-8
}

TEST(Frechet, TraceOfRootOverSeveralTiles) {
  // S2 = S1: the root is S1 itself; and S2 = 1: the root is that of S1
  const auto x = gaussian_rows(700, 530, "x");
  const auto s = x.t().mm(x) / 700;
  EXPECT_NEAR(trace_of_root(s, s, 530) / s.trace().item<double>(), 1, 1e-10);
  const double roots = at::linalg_eigvalsh(s).sqrt().sum().item<double>();
  EXPECT_NEAR(trace_of_root(s, at::eye(530, at::kDouble), 530) / roots, 1, 1e-10);
  EXPECT_NEAR(trace_of_root(at::eye(530, at::kDouble), s, 530) / roots, 1, 1e-10);
}

TEST(Frechet, RefusesBadInput) {
  const auto good = gaussian_rows(5, 3, "x");
  auto bad = good.clone();
  bad[1][2] = std::numeric_limits<double>::infinity();
  EXPECT_THROW(frechet_distance_of_features(good, bad), UserError);
  EXPECT_THROW(frechet_distance_of_features(good.slice(0, 0, 0), good), UserError);
  EXPECT_THROW(of_moments(good, at::zeros({0, 3}, at::kDouble)), UserError);
  expect_error<UserError>([&] { frechet_distance_of_features(good, good.slice(0, 0, 1)); }, {"2", "1"});
  expect_error<UserError>([&] { of_moments(good.slice(0, 0, 1), good); }, {"2", "1"});
  expect_error<UserError>([&] { of_moments(good, gaussian_rows(5, 4, "y")); }, {"3", "4"});
  const auto zero = at::zeros({2}, at::kDouble), one = diagonal({1, 1});
  EXPECT_THROW(frechet_distance(zero, diagonal({1, 1, 1}), zero, one), UserError);
  EXPECT_THROW(frechet_distance(zero, diagonal({1, -1}), zero, one), UserError);
  EXPECT_THROW(frechet_distance(zero, at::tensor({1., 0., 1., 1.}).view({2, 2}), zero, one), UserError);
  EXPECT_THROW(frechet_distance(zero, one, at::zeros({3}, at::kDouble), diagonal({1, 1, 1})), UserError);
}

}  // namespace
}  // namespace fqgan::test
