#include "fqgan/metrics/frechet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/metrics/check_features.h"

namespace fqgan {
namespace {

constexpr int64_t congruence_tile = 256;
constexpr char more_images[] = "a covariance needs two images; use more";

/// The lower triangle of L^T S L, for a lower triangular L (D x D): a third of the work of two full products.
at::Tensor congruence(const at::Tensor& l, const at::Tensor& s) {
  const int64_t dimension = l.size(0);
  const auto right = at::empty_like(s), result = at::zeros_like(s);
  for (int64_t begin = 0; begin < dimension; begin += congruence_tile) {
    const auto columns = l.slice(0, begin).slice(1, begin, begin + congruence_tile);
    right.slice(1, begin, begin + congruence_tile).copy_(s.slice(1, begin).mm(columns));
  }
  for (int64_t begin = 0; begin < dimension; begin += congruence_tile) {
    const auto end = std::min(dimension, begin + congruence_tile);
    const auto columns = l.slice(0, begin).slice(1, begin, end);
    result.slice(0, begin, end).slice(1, 0, end).copy_(columns.t().mm(right.slice(0, begin).slice(1, 0, end)));
  }
  return result;
}

/// Sum of the roots of the `rank` largest eigenvalues of a symmetric positive semidefinite matrix (lower triangle).
double sum_of_roots(const at::Tensor& matrix, int64_t rank) {
  const auto values = at::linalg_eigvalsh(matrix, "L");  // ascending
  return values.slice(0, values.size(0) - rank).clamp_min(0).sqrt().sum().item<double>();
}

struct Gaussian {
  at::Tensor mean, covariance;  // D, D x D float64
};

double distance(const Gaussian& a, const Gaussian& b, double root_trace) {
  const double apart = (a.mean - b.mean).square().sum().item<double>();
  const double spread = (a.covariance.trace() + b.covariance.trace()).item<double>();
  return std::max(0., apart + spread - 2 * root_trace);  // rounding alone makes it negative
}

Gaussian checked(const at::Tensor& mean, const at::Tensor& covariance, const std::string& side) {
  const auto where = "fid";
  if (mean.dim() != 1) fail(where, "expected the mean of " + side + " of shape D, got " + shape_text(mean.sizes()));
  check_features(mean.unsqueeze(0), where, "mean of " + side);
  check_shape(covariance, {mean.size(0), mean.size(0)}, std::string(where) + ", covariance of " + side);
  check_features(covariance, where, "covariance of " + side);
  const auto wide = covariance.detach().to(at::kDouble);
  const double largest = wide.abs().max().item<double>();
  if ((wide - wide.t()).abs().max().item<double>() > 1e-5 * largest || wide.diagonal().min().item<double>() < 0)
    fail(where, "expected the covariance of " + side + " to be symmetric with no negative variance. Hint: is it one?");
  return {mean.detach().to(at::kDouble), (wide + wide.t()) / 2};
}

}  // namespace

double trace_of_root(const at::Tensor& s1, const at::Tensor& s2, int64_t rank) {
  rank = std::clamp<int64_t>(rank, 0, s1.size(0));
  const at::Tensor sides[] = {s1, s2};
  for (int side : {0, 1}) {
    const auto [l, failed] = at::linalg_cholesky_ex(sides[side]);
    if (failed.item<int>() == 0) return sum_of_roots(congruence(l, sides[1 - side]), rank);
  }
  // Both are singular. With S1 = F F^T, the eigenvalues of S1 S2 are those of F^T S2 F.
  const auto [values, vectors] = at::linalg_eigh(s1, "L");
  const auto factor = vectors * values.clamp_min(0).sqrt();
  return sum_of_roots(factor.t().mm(s2).mm(factor), rank);
}

double frechet_distance(const Moments& a, const Moments& b) {
  check_images(a.count(), 2, "fid", "images on the first side", more_images);
  check_images(b.count(), 2, "fid", "images on the second side", more_images);
  if (a.dimension() != b.dimension())
    fail("fid", "expected features with the same D on both sides, got " + std::to_string(a.dimension()) + " and " +
                    std::to_string(b.dimension()) + ". Hint: both sides need the same feature extractor");
  const Gaussian first{a.mean(), a.covariance()}, second{b.mean(), b.covariance()};
  return distance(first, second,
                  trace_of_root(first.covariance, second.covariance, std::min(a.count(), b.count()) - 1));
}

double frechet_distance(const at::Tensor& mean_a, const at::Tensor& covariance_a, const at::Tensor& mean_b,
                        const at::Tensor& covariance_b) {
  const auto a = checked(mean_a, covariance_a, "the first side"), b = checked(mean_b, covariance_b, "the second side");
  check_same_dimension(a.covariance, b.covariance, "fid");
  return distance(a, b, trace_of_root(a.covariance, b.covariance, a.mean.size(0)));
}

double frechet_distance_of_features(const at::Tensor& a, const at::Tensor& b) {
  check_features(a, "fid", "features of the first side");
  check_features(b, "fid", "features of the second side");
  check_same_dimension(a, b, "fid");
  check_images(a.size(0), 2, "fid", "images on the first side", more_images);
  check_images(b.size(0), 2, "fid", "images on the second side", more_images);
  if (std::max(a.size(0), b.size(0)) > a.size(1)) {
    Moments first, second;
    first.add(a);
    second.add(b);
    return frechet_distance(first, second);
  }
  const auto x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
  const auto mean_x = x.mean(0), mean_y = y.mean(0);
  const auto centred_x = (x - mean_x) / std::sqrt(static_cast<double>(x.size(0) - 1));
  const auto centred_y = (y - mean_y) / std::sqrt(static_cast<double>(y.size(0) - 1));
  const double root_trace = at::linalg_svdvals(centred_x.mm(centred_y.t())).sum().item<double>();
  const double spread = (centred_x.square().sum() + centred_y.square().sum()).item<double>();
  return std::max(0., (mean_x - mean_y).square().sum().item<double>() + spread - 2 * root_trace);
}

}  // namespace fqgan
