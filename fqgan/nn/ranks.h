// The other processes of a distributed training, as layers and the loop see them. All ranks call the same collectives
// in the same order; an error that one rank alone can see must be shared first (`any`), or the others wait for ever.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

struct Ranks {
  virtual ~Ranks() = default;
  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;
  /// Replaces each tensor, on every rank, by its sum over ranks, in rank order: the same bits everywhere. One call is
  /// one collective, whatever the number of tensors. Shapes and types are the same on all ranks.
  virtual void sum(std::vector<at::Tensor>& tensors) const = 0;
  /// The tensors of all ranks, in rank order. Shapes and types are the same on all ranks.
  virtual std::vector<at::Tensor> gather(const at::Tensor& tensor) const = 0;
  /// Replaces each tensor by rank `root`'s.
  virtual void broadcast(std::vector<at::Tensor>& tensors, int64_t root) const = 0;
  /// Whether the value is true on any rank; all ranks get the same answer.
  virtual bool any(bool condition) const = 0;
};

// The functions below take null for a single process, and then cost nothing.

inline int64_t ranks_in(const Ranks* ranks) { return ranks ? ranks->size() : 1; }
inline int64_t rank_in(const Ranks* ranks) { return ranks ? ranks->rank() : 0; }

/// The number of rows that each rank has of a global batch. Errors: UserError when the ranks do not divide it.
int64_t rows_per_rank(int64_t rows, const Ranks* ranks);

/// This rank's rows of a tensor of which all ranks have the whole. Same error.
at::Tensor part_of(const at::Tensor& global, const Ranks* ranks);

/// The mean over ranks of `local`, a mean over this rank's rows: the mean over the global batch, for losses that are
/// not linear in it. Its gradient is the gradient of `local`, so that the loop's average of all ranks' gradients is the
/// gradient over the global batch, to any order, provided that each rank computes the same function of it.
at::Tensor mean_over(const at::Tensor& local, const Ranks* ranks);

/// For losses of mean features: a tensor whose mean over rows is the mean of `rows` over all ranks. It is `rows` itself
/// in one process, else one row made by mean_over.
at::Tensor mean_row_over(const at::Tensor& rows, const Ranks* ranks);

/// Fails with a UserError if there are several ranks: `what` works in one process only.
void require_one_rank(const Ranks* ranks, const std::string& what);

}  // namespace fqgan
