#include "fqgan/metrics/moments.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addr.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/metrics/blocks.h"
#include "fqgan/metrics/check_features.h"

namespace fqgan {
namespace {

constexpr int64_t moment_tile = 256;
constexpr int uneven = -1;  // the level of a node whose number of blocks is not a power of two

/// The tiles of the lower triangle of a D x D matrix, by their first row and column.
std::vector<std::pair<int64_t, int64_t>> lower_tiles(int64_t dimension) {
  std::vector<std::pair<int64_t, int64_t>> tiles;
  for (int64_t row = 0; row < dimension; row += moment_tile)
    for (int64_t column = 0; column <= row; column += moment_tile) tiles.emplace_back(row, column);
  return tiles;
}

at::Tensor mirrored(const at::Tensor& lower) { return at::tril(lower).add_(at::tril(lower, -1).t()); }

/// Checks a saved covariance (D x D float64, symmetric) of `count` images.
/// Rounding to float32, in which other tools may save it, changes entry ij by at most 6e-8 sqrt(S_ii S_jj), and no
/// eigenvalue by more than 6e-8 of the trace; sums in float32 add some. What is below 1e-5 of the trace counts as 0.
/// From `count` images, all but count - 1 eigenvalues are 0, and the Frechet distance leaves these out as rounding. If
/// they are not 0, either the count or the covariance is wrong. Which one cannot be known, so that the file is refused:
/// other tools write no count, and without it the whole covariance is used.
void check_covariance(const at::Tensor& covariance, std::optional<int64_t> count, const std::string& where) {
  const int64_t dimension = covariance.size(0);
  const double tolerance = 1e-5 * covariance.trace().item<double>();
  auto shifted = covariance.clone();
  shifted.diagonal().add_(tolerance > 0 ? tolerance : 1);
  if (std::get<1>(at::linalg_cholesky_ex(shifted)).item<int>() != 0)
    fail(where,
         "expected a covariance without negative eigenvalues, got another matrix. Hint: save the statistics again");
  if (!count || *count > dimension) return;
  const auto beyond = at::linalg_eigvalsh(covariance, "L").slice(0, 0, dimension - *count + 1);  // ascending
  if (beyond.clamp_min(0).sum().item<double>() > tolerance)
    fail(where, "expected a covariance of rank " + std::to_string(*count - 1) + " or less, which " +
                    std::to_string(*count) + " images give, got a higher rank. Hint: save the statistics again; " +
                    "without the array count in an .npz file the number of images is unknown");
}

const at::Tensor& tensor_of(const std::map<std::string, at::Tensor>& tensors, const std::string& name,
                            at::ScalarType type, int64_t dimensions, const std::string& where) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) fail(where, "expected saved moments with a tensor '" + name + "', found none");
  if (found->second.scalar_type() != type || found->second.dim() != dimensions)
    fail(where, "expected '" + name + "' with " + std::to_string(dimensions) + " dimensions of type " +
                    c10::toString(type) + ", got " + shape_text(found->second.sizes()) + " of type " +
                    c10::toString(found->second.scalar_type()));
  return found->second;
}

}  // namespace

Moments::Moments(int64_t first_row) : first_block_(first_row / block_rows), next_block_(first_block_) {
  FQGAN_CHECK(first_row >= 0 && first_row % block_rows == 0, "a shard starts with a whole block");
}

Moments::Sums Moments::of_block(const at::Tensor& given) {
  const int64_t dimension = given.size(1);
  Sums sums{given.size(0), given[0].clone(), at::empty({dimension}, given.options()),
            at::zeros({dimension, dimension}, given.options())};
  const auto rows = given - sums.origin;
  const auto centred = at::empty_like(rows);
  for_blocks(dimension, moment_tile, [&](int64_t begin, int64_t end) {
    const auto part = rows.slice(1, begin, end);
    const auto mean = part.mean(0);
    sums.mean.slice(0, begin, end).copy_(mean);
    centred.slice(1, begin, end).copy_(part - mean);
  });
  const auto tiles = lower_tiles(dimension);
  for_blocks(static_cast<int64_t>(tiles.size()), 1, [&](int64_t tile, int64_t) {
    const auto [row, column] = tiles[tile];
    const auto left = centred.slice(1, row, row + moment_tile), right = centred.slice(1, column, column + moment_tile);
    auto target = sums.scatter.slice(0, row, row + moment_tile).slice(1, column, column + moment_tile);
    target.copy_(left.t().mm(right));
  });
  return sums;
}

Moments::Sums Moments::combined(Sums a, const Sums& b) {
  if (b.count == 0) return a;
  if (a.count == 0) return b;
  const auto count = a.count + b.count;
  const auto shift = (b.origin - a.origin) + b.mean - a.mean;
  const double fraction = static_cast<double>(b.count) / static_cast<double>(count);
  return {count, a.origin, a.mean + shift * fraction,
          at::addr(a.scatter + b.scatter, shift, shift, 1, static_cast<double>(a.count) * fraction)};
}

Moments::Sums Moments::total() const {
  Sums sums;
  for (const auto& node : nodes_) sums = combined(std::move(sums), node.sums);
  return waiting_.empty() ? sums : combined(std::move(sums), of_block(at::cat(waiting_)));
}

/// Combines two neighbours of one level into one of the next level if the first is even, as in a tree over the stream.
void Moments::append(Node node) {
  while (!nodes_.empty() && node.level != uneven && nodes_.back().level == node.level &&
         (nodes_.back().first >> node.level) % 2 == 0) {
    node = {nodes_.back().first, node.level + 1, combined(std::move(nodes_.back().sums), node.sums)};
    nodes_.pop_back();
  }
  nodes_.push_back(std::move(node));
}

void Moments::set_dimension(int64_t dimension) {
  if (dimension_ != 0 && dimension != dimension_)
    fail("moments", "expected features with D = " + std::to_string(dimension_) +
                        " as before, got D = " + std::to_string(dimension));
  dimension_ = dimension;
}

void Moments::keep_few(const at::Tensor& rows) {
  if (few_rows_ != count_ || count_ + rows.size(0) > dimension_) return forget_few();
  few_.push_back(rows);
  few_rows_ += rows.size(0);
}

void Moments::forget_few() {
  few_.clear();
  few_rows_ = -1;
}

/// Moments without a count have no weight beside others.
void Moments::require_count() const {
  if (!counted_)
    fail("moments",
         "expected moments of a known number of images, got a mean and a covariance alone. Hint: measure "
         "the images again");
}

void Moments::add(const at::Tensor& features) {
  require_count();
  check_features(features, "moments", "features");
  set_dimension(features.size(1));
  for (int64_t begin = 0; begin < features.size(0);) {
    const auto end = std::min(features.size(0), begin + block_rows - pending_);
    const auto rows = features.detach()
                          .slice(0, begin, end)
                          .to(at::TensorOptions(at::kCPU).dtype(at::kDouble),
                              /*non_blocking=*/false, /*copy=*/true);
    keep_few(rows);
    waiting_.push_back(rows);
    pending_ += end - begin;
    count_ += end - begin;
    begin = end;
    if (pending_ < block_rows) continue;
    append({next_block_++, 0, of_block(at::cat(waiting_))});
    waiting_.clear();
    pending_ = 0;
  }
}

bool Moments::is_followed_by(const Moments& other) const {
  return in_place_ && other.in_place_ && pending_ == 0 && next_block_ == other.first_block_;
}

void Moments::merge(const Moments& other) {
  require_count();
  other.require_count();
  if (other.count_ == 0) return;
  set_dimension(other.dimension_);
  if (count_ == 0) {
    *this = other;
    return;
  }
  other.few_rows_ == other.count_ ? keep_few(at::cat(other.few_)) : forget_few();
  if (is_followed_by(other)) {
    for (const auto& node : other.nodes_) append(node);
    waiting_ = other.waiting_;
    pending_ = other.pending_;
    next_block_ = other.next_block_;
  } else {
    nodes_ = {{first_block_, uneven, combined(total(), other.total())}};
    waiting_.clear();
    pending_ = 0;
    in_place_ = false;
  }
  count_ += other.count_;
}

at::Tensor Moments::added_rows() const {
  return count_ > 0 && few_rows_ == count_ ? at::cat(few_).to(at::kDouble) : at::Tensor();
}

std::optional<Moments::Rows> Moments::few_rows() const {
  if (count_ == 0 || few_rows_ != count_) return {};
  const auto rows = at::cat(few_), from_first = rows - rows[0];
  const auto mean = from_first.mean(0);
  return Rows{rows[0] + mean, from_first - mean};
}

at::Tensor Moments::mean() const {
  check_images(count_, 1, "moments", "images for a mean", "add features first");
  const auto sums = total();
  return sums.origin + sums.mean;
}

at::Tensor Moments::covariance() const {
  check_images(count_, 2, "moments", "images for a covariance", "add more images");
  return mirrored(total().scatter).div_(static_cast<double>(count_ - 1));
}

std::map<std::string, at::Tensor> Moments::tensors() const {
  require_count();
  const auto sums = total();
  const auto options = at::TensorOptions(at::kDouble);
  return {{"count", at::scalar_tensor(sums.count, at::TensorOptions(at::kLong))},
          {"origin", sums.count ? sums.origin.clone() : at::zeros({dimension_}, options)},
          {"mean", sums.count ? sums.mean.clone() : at::zeros({dimension_}, options)},
          {"scatter", sums.count ? mirrored(sums.scatter) : at::zeros({dimension_, dimension_}, options)}};
}

Moments Moments::from_tensors(const std::map<std::string, at::Tensor>& tensors, const std::string& where) {
  Sums sums;
  sums.count = tensor_of(tensors, "count", at::kLong, 0, where).item<int64_t>();
  if (sums.count < 0) fail(where, "expected a count of images of at least 0, got " + std::to_string(sums.count));
  sums.origin = tensor_of(tensors, "origin", at::kDouble, 1, where).detach().clone();
  sums.mean = tensor_of(tensors, "mean", at::kDouble, 1, where).detach().clone();
  sums.scatter = tensor_of(tensors, "scatter", at::kDouble, 2, where).detach().clone();
  const int64_t dimension = sums.origin.size(0);
  check_shape(sums.mean, {dimension}, where + ", mean");
  check_shape(sums.scatter, {dimension, dimension}, where + ", scatter");
  if (sums.count == 0 || dimension == 0) return Moments();
  check_features(sums.origin.unsqueeze(0), where, "origin");
  check_features(sums.mean.unsqueeze(0), where, "mean");
  check_features(sums.scatter, where, "scatter");
  if (sums.count > 1) check_covariance(sums.scatter / static_cast<double>(sums.count - 1), sums.count, where);
  return of_sums(std::move(sums));
}

Moments Moments::from_covariance(const at::Tensor& mean, const at::Tensor& covariance, std::optional<int64_t> count,
                                 const std::string& where) {
  if (mean.dim() != 1 || mean.size(0) == 0)
    fail(where, "expected a mean of shape D, got shape " + shape_text(mean.sizes()));
  check_shape(covariance, {mean.size(0), mean.size(0)}, where + ", covariance");
  if (count && *count < 2) fail(where, "expected a count of at least 2 images, got " + std::to_string(*count));
  const auto wide = covariance.detach().to(at::TensorOptions(at::kCPU).dtype(at::kDouble));
  const double largest = wide.abs().max().item<double>();
  if (!std::isfinite(largest) || !std::isfinite(mean.abs().max().item<double>()))
    fail(where, "expected a finite mean and covariance, got NaN or infinity");
  if ((wide - wide.t()).abs().max().item<double>() > 1e-5 * largest || wide.diagonal().min().item<double>() < 0)
    fail(where, "expected a symmetric covariance without negative variances, got another matrix");
  Sums sums;
  sums.count = count.value_or(2);
  sums.origin = mean.detach().to(at::TensorOptions(at::kCPU).dtype(at::kDouble), /*non_blocking=*/false, /*copy=*/true);
  sums.mean = at::zeros_like(sums.origin);
  const auto symmetric = (wide + wide.t()) / 2;
  check_covariance(symmetric, count, where);
  sums.scatter = symmetric * static_cast<double>(sums.count - 1);
  auto moments = of_sums(std::move(sums));
  moments.counted_ = count.has_value();
  return moments;
}

/// Moments whose rows are not known.
Moments Moments::of_sums(Sums sums) {
  Moments moments;
  moments.dimension_ = sums.origin.size(0);
  moments.count_ = sums.count;
  moments.in_place_ = false;
  moments.forget_few();
  moments.nodes_.push_back({0, uneven, std::move(sums)});
  return moments;
}

}  // namespace fqgan
