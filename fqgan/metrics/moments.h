// Streaming mean and covariance of features in float64, for the Frechet distance (Heusel et al. 2017). Matches
// numpy.mean and numpy.cov (ddof 1) of all rows at once. Rows are measured from the first one and centred a block at a
// time, and blocks are combined by Chan, Golub and LeVeque's update (1979), so a large common offset does not cancel.
// N images, D features.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace fqgan {

class Moments {
 public:
  /// features N x D, any floating type; N may be 0. Blocks have a fixed number of rows whatever the batches are, so the
  /// same rows in the same order give the same bits for any batch size and any number of threads.
  /// Errors: UserError for another shape or type, another D than before, NaN or infinity.
  void add(const at::Tensor& features);
  /// As if the rows of `other` had been added here too (to rounding). Errors: UserError for another D.
  void merge(const Moments& other);

  int64_t count() const { return folded_.count + pending_; }
  int64_t dimension() const { return dimension_; }  // 0 before the first rows

  at::Tensor mean() const;        // D float64. Errors: UserError without rows
  at::Tensor covariance() const;  // D x D float64, symmetric to the bit, ddof 1. Errors: UserError below 2 rows

  /// To be saved: count (int64 scalar), origin (D: the first row), mean (D, from the origin) and scatter (D x D: the
  /// sum of outer products of centred rows).
  std::map<std::string, at::Tensor> tensors() const;
  /// Errors: UserError that starts with `where` for missing tensors, types or shapes that do not fit, NaN or infinity.
  static Moments from_tensors(const std::map<std::string, at::Tensor>& tensors, const std::string& where);

 private:
  struct Sums {
    int64_t count = 0;
    at::Tensor mean, scatter;  // D from the origin, D x D (lower triangle only)
  };
  static Sums of_block(const at::Tensor& rows);
  static Sums combined(Sums a, const Sums& b);
  void set_dimension(int64_t dimension);
  Sums total() const;

  int64_t dimension_ = 0;
  at::Tensor origin_;  // D
  Sums folded_;
  std::vector<at::Tensor> waiting_;  // rows from the origin for the next block; not written to: copies share them
  int64_t pending_ = 0;              // how many rows wait
};

}  // namespace fqgan
