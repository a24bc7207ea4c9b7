// Streaming mean and covariance of features in float64, for the Frechet distance (Heusel et al. 2017). Matches
// numpy.mean and numpy.cov (ddof 1) of all rows at once. Rows are measured from the first one of their block and
// centred a block at a time, and blocks are combined by Chan, Golub and LeVeque's update (1979), so a large common
// offset does not cancel. Which blocks are combined follows from their places in the stream alone (pairs, pairs of
// pairs, ...), so that shards of whole blocks merge to the bits of the single stream. N images, D features.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fqgan {

class Moments {
 public:
  static constexpr int64_t block_rows = 1024;

  Moments() = default;
  /// Of the shard of a stream that starts at row `first_row`, a multiple of block_rows.
  explicit Moments(int64_t first_row);
  /// features N x D, any floating type; N may be 0. Blocks have a fixed number of rows whatever the batches are, so the
  /// same rows in the same order give the same bits for any batch size and any number of threads.
  /// Errors: UserError for another shape or type, another D than before, NaN or infinity.
  void add(const at::Tensor& features);
  /// As if the rows of `other` had been added here too: to the bit where `other` is the shard that starts where this
  /// one ends, else to rounding. Errors: UserError for another D.
  void merge(const Moments& other);

  int64_t count() const { return count_; }
  int64_t dimension() const { return dimension_; }  // 0 before the first rows

  at::Tensor mean() const;        // D float64. Errors: UserError without rows
  at::Tensor covariance() const;  // D x D float64, symmetric to the bit, ddof 1. Errors: UserError below 2 rows

  struct Rows {
    at::Tensor mean, centred;  // D, N x D float64
  };
  /// All rows, where they are at most D: they then take less memory than the covariance and say more. Empty otherwise,
  /// and for moments that were read back.
  std::optional<Rows> few_rows() const;

  /// To be saved: count (int64 scalar), origin (D: the first row), mean (D, from the origin) and scatter (D x D: the
  /// sum of outer products of centred rows).
  std::map<std::string, at::Tensor> tensors() const;
  /// Errors: UserError that starts with `where` for missing tensors, types or shapes that do not fit, NaN or infinity.
  static Moments from_tensors(const std::map<std::string, at::Tensor>& tensors, const std::string& where);

 private:
  struct Sums {
    int64_t count = 0;
    at::Tensor origin, mean, scatter;  // D, D from the origin, D x D (lower triangle only)
  };
  /// Blocks that are combined: those of [first, first + 2^level); with level `uneven` no other joins them later.
  struct Node {
    int64_t first = 0;
    int level = 0;
    Sums sums;
  };
  static Sums of_block(const at::Tensor& rows);
  static Sums combined(Sums a, const Sums& b);
  void set_dimension(int64_t dimension);
  void keep_few(const at::Tensor& rows);
  void forget_few();
  bool is_followed_by(const Moments& other) const;
  void append(Node node);
  Sums total() const;

  int64_t dimension_ = 0, count_ = 0;
  int64_t first_block_ = 0, next_block_ = 0;
  bool in_place_ = true;             // the rows are those of the stream from first_block_ on, without gaps
  std::vector<Node> nodes_;          // in the order of their blocks
  std::vector<at::Tensor> waiting_;  // rows for the next block; not written to: copies share them
  int64_t pending_ = 0;              // how many rows wait
  std::vector<at::Tensor> few_;      // all rows, while they are at most D
  int64_t few_rows_ = 0;             // how many these are; another number than count_: no longer kept
};

}  // namespace fqgan
