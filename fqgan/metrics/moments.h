// Streaming mean and covariance of features in float64, for the Frechet distance (Heusel et al. 2017). Matches
// numpy.mean and numpy.cov (ddof 1) of all rows. Rows are taken relative to the first row of their block and centred
// within it, and blocks are combined by the update of Chan, Golub and LeVeque (1979), so that a large common offset
// causes no cancellation. The positions of blocks in the stream alone decide which are combined (pairs, pairs of pairs,
// ...), so that shards of whole blocks merge to the same bits as the single stream. N images, D features.
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
  /// For the shard of a stream that starts at row `first_row`, a multiple of block_rows.
  explicit Moments(int64_t first_row);
  /// Adds features N x D of any floating type; N may be 0. The number of rows of a block does not depend on the
  /// batches, so that the same rows in the same order give the same bits for any batch size and number of threads.
  /// Errors: UserError for another shape or type, another D than before, NaN or infinity.
  void add(const at::Tensor& features);
  /// Adds the rows of `other`: bit-identical if `other` is the shard that starts where this one ends, else up to
  /// rounding. Errors: UserError for another D.
  void merge(const Moments& other);

  /// The number of rows; unset for moments from a covariance of unknown rows.
  std::optional<int64_t> count() const { return counted_ ? std::optional(count_) : std::nullopt; }
  int64_t dimension() const { return dimension_; }  // 0 before the first rows

  at::Tensor mean() const;        // D float64. Errors: UserError without rows
  at::Tensor covariance() const;  // D x D float64, exactly symmetric, ddof 1. Errors: UserError below 2 rows

  struct Rows {
    at::Tensor mean, centred;  // D, N x D float64
  };
  /// All rows, if there are at most D: they then take less memory than the covariance, and hold more. Empty otherwise,
  /// and for moments read from a file.
  std::optional<Rows> few_rows() const;
  /// The same rows as they were added, N x D float64; undefined where few_rows() is empty.
  at::Tensor added_rows() const;

  /// Tensors for a file: count (int64 scalar), origin (D: the first row), mean (D, relative to the origin) and scatter
  /// (D x D: the sum of outer products of centred rows).
  std::map<std::string, at::Tensor> tensors() const;
  /// Errors: UserError that starts with `where` for missing tensors, wrong types or shapes, NaN or infinity, and as
  /// from_covariance.
  static Moments from_tensors(const std::map<std::string, at::Tensor>& tensors, const std::string& where);
  /// From mean D and covariance D x D (ddof 1, float32 or float64) of `count` rows. Moments without a count can be
  /// compared, but not added to, merged or saved as tensors. Errors: UserError that starts with `where` for other
  /// shapes, NaN, infinity, a covariance that is not symmetric, has a negative eigenvalue (beyond float32 rounding) or
  /// a higher rank than `count` rows give, and a count below 2.
  static Moments from_covariance(const at::Tensor& mean, const at::Tensor& covariance, std::optional<int64_t> count,
                                 const std::string& where);

 private:
  struct Sums {
    int64_t count = 0;
    at::Tensor origin, mean, scatter;  // D; D, relative to the origin; D x D (lower triangle only)
  };
  /// The combined blocks [first, first + 2^level); with level `uneven` no other block joins them later.
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
  void require_count() const;
  static Moments of_sums(Sums sums);
  bool is_followed_by(const Moments& other) const;
  void append(Node node);
  Sums total() const;

  int64_t dimension_ = 0, count_ = 0;
  bool counted_ = true;  // false: count_ is 2, so that the scatter is the covariance
  int64_t first_block_ = 0, next_block_ = 0;
  bool in_place_ = true;             // the rows are the stream's from first_block_ on, without gaps
  std::vector<Node> nodes_;          // in the order of their blocks
  std::vector<at::Tensor> waiting_;  // rows for the next block; never written to, because copies share them
  int64_t pending_ = 0;              // number of waiting rows
  std::vector<at::Tensor> few_;      // all rows, while there are at most D
  int64_t few_rows_ = 0;             // number of rows in few_; if it differs from count_, they are no longer kept
};

}  // namespace fqgan
