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
#include "fqgan/core/text.h"
#include "fqgan/metrics/check_features.h"

namespace fqgan {
namespace {

constexpr int64_t congruence_tile = 256;

/// The lower triangle of L^T S L, for a lower triangular L (D x D), with a third of the work of two full products.
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

/// LAPACK needs finite numbers. They are not if the features are too large.
bool is_finite(const at::Tensor& matrix) { return std::isfinite(matrix.sum().item<double>()); }

/// Sum of the square roots of the `rank` largest eigenvalues of a symmetric positive semidefinite matrix (lower
/// triangle).
double sum_of_roots(const at::Tensor& matrix, int64_t rank) {
  if (!is_finite(matrix)) return NAN;
  const auto values = at::linalg_eigvalsh(matrix, "L");  // ascending
  return values.slice(0, values.size(0) - rank).clamp_min(0).sqrt().sum().item<double>();
}

struct Gaussian {
  at::Tensor mean, covariance;  // D, D x D float64
  at::Tensor factor;            // N x D with factor^T factor = covariance, if N <= D; covariance is then undefined
  int64_t rank;                 // upper bound of the covariance's rank

  double spread() const {  // the trace
    return (factor.defined() ? factor.square().sum() : covariance.trace()).item<double>();
  }
};

/// Infinite or NaN if the features are too large. Rounding, also of covariances that were saved in float32, makes it at
/// most 1e-5 of the traces too small; more means that a covariance has negative eigenvalues.
double distance(const Gaussian& a, const Gaussian& b, double root_trace) {
  const double apart = (a.mean - b.mean).square().sum().item<double>(), spread = a.spread() + b.spread();
  const double value = apart + spread - 2 * root_trace;
  if (value < -1e-4 * spread)
    fail("fid", "expected a distance of at least 0, got " + significant(value, 3) +
                    ": a covariance has negative eigenvalues. Hint: save the statistics again");
  return value < 0 ? 0 : value;
}

Gaussian gaussian_of(const Moments& moments) {
  const auto count = moments.count();
  const auto degrees = count ? *count - 1 : moments.dimension();  // of freedom
  if (const auto rows = moments.few_rows())
    return {rows->mean, {}, rows->centred / std::sqrt(static_cast<double>(degrees)), degrees};
  return {moments.mean(), moments.covariance(), {}, degrees};
}

/// With S1 = A^T A, S1 S2 has the same nonzero eigenvalues as A S2 A^T, which is N x N; with S2 = B^T B too, their
/// square roots are the singular values of A B^T.
double root_trace_of(const Gaussian& a, const Gaussian& b) {
  if (a.factor.defined() && b.factor.defined()) {
    const auto products = a.factor.mm(b.factor.t());
    return is_finite(products) ? at::linalg_svdvals(products).sum().item<double>() : NAN;
  }
  if (!a.factor.defined() && !b.factor.defined())
    return trace_of_root(a.covariance, b.covariance, std::min(a.rank, b.rank));
  const auto& few = a.factor.defined() ? a : b;
  const auto& many = a.factor.defined() ? b : a;
  return sum_of_roots(few.factor.mm(many.covariance).mm(few.factor.t()), std::min(a.rank, b.rank));
}

void check_count(const Moments& moments, const std::string& what) {
  if (const auto count = moments.count()) check_images(*count, fewest_for_frechet, "fid", what, "use more");
}

}  // namespace

double trace_of_root(const at::Tensor& s1, const at::Tensor& s2, int64_t rank) {
  rank = std::clamp<int64_t>(rank, 0, s1.size(0));
  const at::Tensor sides[] = {s1, s2};
  for (int side : {0, 1}) {
    const auto [l, failed] = at::linalg_cholesky_ex(sides[side]);
    if (failed.item<int>() == 0) return sum_of_roots(congruence(l, sides[1 - side]), rank);
  }
  // Both are singular. With S1 = F F^T, S1 S2 and F^T S2 F have the same nonzero eigenvalues.
  const auto [values, vectors] = at::linalg_eigh(s1, "L");
  const auto factor = vectors * values.clamp_min(0).sqrt();
  return sum_of_roots(factor.t().mm(s2).mm(factor), rank);
}

double frechet_distance(const Moments& a, const Moments& b) {
  check_count(a, "images on the first side");
  check_count(b, "images on the second side");
  check_same_dimension(a.dimension(), b.dimension(), "fid");
  const auto first = gaussian_of(a), second = gaussian_of(b);
  for (const auto* side : {&first, &second}) finite_value(side->spread(), "fid");
  return finite_value(distance(first, second, root_trace_of(first, second)), "fid");
}

double frechet_distance(const at::Tensor& mean_a, const at::Tensor& covariance_a, const at::Tensor& mean_b,
                        const at::Tensor& covariance_b) {
  return frechet_distance(Moments::from_covariance(mean_a, covariance_a, {}, "fid, first side"),
                          Moments::from_covariance(mean_b, covariance_b, {}, "fid, second side"));
}

double frechet_distance_of_features(const at::Tensor& a, const at::Tensor& b) {
  check_features(a, "fid", "features of the first side");
  check_features(b, "fid", "features of the second side");
  Moments first, second;
  first.add(a);
  second.add(b);
  return frechet_distance(first, second);
}

}  // namespace fqgan
