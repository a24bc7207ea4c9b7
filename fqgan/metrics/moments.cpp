#include "fqgan/metrics/moments.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addr.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/metrics/blocks.h"
#include "fqgan/metrics/check_features.h"

namespace fqgan {
namespace {

constexpr int64_t block_rows = 1024;
constexpr int64_t moment_tile = 256;

/// The tiles of the lower triangle of a D x D matrix, by their first row and column.
std::vector<std::pair<int64_t, int64_t>> lower_tiles(int64_t dimension) {
  std::vector<std::pair<int64_t, int64_t>> tiles;
  for (int64_t row = 0; row < dimension; row += moment_tile)
    for (int64_t column = 0; column <= row; column += moment_tile) tiles.emplace_back(row, column);
  return tiles;
}

at::Tensor mirrored(const at::Tensor& lower) { return at::tril(lower).add_(at::tril(lower, -1).t()); }

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

Moments::Sums Moments::of_block(const at::Tensor& rows) {
  const int64_t dimension = rows.size(1);
  Sums sums{rows.size(0), at::empty({dimension}, rows.options()), at::zeros({dimension, dimension}, rows.options())};
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
  const auto shift = b.mean - a.mean;
  const double share = static_cast<double>(b.count) / static_cast<double>(count);
  return {count, a.mean + shift * share,
          at::addr(a.scatter + b.scatter, shift, shift, 1, static_cast<double>(a.count) * share)};
}

Moments::Sums Moments::total() const {
  return waiting_.empty() ? folded_ : combined(folded_, of_block(at::cat(waiting_)));
}

void Moments::set_dimension(int64_t dimension) {
  if (dimension_ != 0 && dimension != dimension_)
    fail("moments", "expected features with D = " + std::to_string(dimension_) +
                        " like those before, got D = " + std::to_string(dimension));
  dimension_ = dimension;
}

void Moments::add(const at::Tensor& features) {
  check_features(features, "moments", "features");
  set_dimension(features.size(1));
  for (int64_t begin = 0; begin < features.size(0);) {
    const auto end = std::min(features.size(0), begin + block_rows - pending_);
    const auto rows = features.detach().slice(0, begin, end).to(at::TensorOptions(at::kCPU).dtype(at::kDouble));
    if (!origin_.defined()) origin_ = rows[0].clone();
    waiting_.push_back(rows - origin_);
    pending_ += end - begin;
    begin = end;
    if (pending_ < block_rows) continue;
    folded_ = total();
    waiting_.clear();
    pending_ = 0;
  }
}

void Moments::merge(const Moments& other) {
  if (other.count() == 0) return;
  set_dimension(other.dimension_);
  if (!origin_.defined()) origin_ = other.origin_;
  auto sums = other.total();
  sums.mean = sums.mean + (other.origin_ - origin_);
  folded_ = combined(total(), sums);
  waiting_.clear();
  pending_ = 0;
}

at::Tensor Moments::mean() const {
  check_images(count(), 1, "moments", "images for a mean", "add features first");
  return origin_ + total().mean;
}

at::Tensor Moments::covariance() const {
  check_images(count(), 2, "moments", "images for a covariance", "add more images");
  return mirrored(total().scatter).div_(static_cast<double>(count() - 1));
}

std::map<std::string, at::Tensor> Moments::tensors() const {
  const auto sums = total();
  const auto options = at::TensorOptions(at::kDouble);
  return {{"count", at::scalar_tensor(sums.count, at::TensorOptions(at::kLong))},
          {"origin", sums.count ? origin_.clone() : at::zeros({dimension_}, options)},
          {"mean", sums.count ? sums.mean.clone() : at::zeros({dimension_}, options)},
          {"scatter", sums.count ? mirrored(sums.scatter) : at::zeros({dimension_, dimension_}, options)}};
}

Moments Moments::from_tensors(const std::map<std::string, at::Tensor>& tensors, const std::string& where) {
  Moments moments;
  auto& sums = moments.folded_;
  sums.count = tensor_of(tensors, "count", at::kLong, 0, where).item<int64_t>();
  if (sums.count < 0) fail(where, "expected a count of images of at least 0, got " + std::to_string(sums.count));
  moments.origin_ = tensor_of(tensors, "origin", at::kDouble, 1, where).detach().clone();
  sums.mean = tensor_of(tensors, "mean", at::kDouble, 1, where).detach().clone();
  sums.scatter = tensor_of(tensors, "scatter", at::kDouble, 2, where).detach().clone();
  const int64_t dimension = moments.origin_.size(0);
  check_shape(sums.mean, {dimension}, where + ", mean");
  check_shape(sums.scatter, {dimension, dimension}, where + ", scatter");
  if (sums.count == 0 || dimension == 0) return Moments();
  check_features(moments.origin_.unsqueeze(0), where, "origin");
  check_features(sums.mean.unsqueeze(0), where, "mean");
  check_features(sums.scatter, where, "scatter");
  moments.dimension_ = dimension;
  return moments;
}

}  // namespace fqgan
