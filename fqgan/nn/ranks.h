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
  /// Replaces each tensor by that of rank `root`.
  virtual void broadcast(std::vector<at::Tensor>& tensors, int64_t root) const = 0;
  /// Whether it is true on any rank: the same answer on all.
  virtual bool any(bool condition) const = 0;
};

// What follows takes null for a single process, and costs nothing then.

inline int64_t ranks_in(const Ranks* ranks) { return ranks ? ranks->size() : 1; }
inline int64_t rank_in(const Ranks* ranks) { return ranks ? ranks->rank() : 0; }

/// Rows of one rank out of `rows` rows of the global batch. Errors: UserError when the ranks do not divide them.
int64_t rows_per_rank(int64_t rows, const Ranks* ranks);

/// This rank's rows of a tensor that all ranks have whole. Same error.
at::Tensor part_of(const at::Tensor& global, const Ranks* ranks);

/// The mean over ranks of `local`, which is a mean over this rank's rows: the mean over the global batch, for losses
/// that are not linear in it. Its gradient is that of `local`: averaging the gradients of all ranks, as the loop does,
/// then gives the gradient of the global batch, to any order, provided that each rank computes the same from it.
at::Tensor mean_over(const at::Tensor& local, const Ranks* ranks);

/// Rows whose mean is that of `rows` over all ranks, for losses of mean features: `rows` itself in one process, else
/// one row, made by mean_over.
at::Tensor mean_row_over(const at::Tensor& rows, const Ranks* ranks);

/// Errors: UserError, when there are several ranks, that `what` works in one process only.
void require_one_rank(const Ranks* ranks, const std::string& what);

}  // namespace fqgan
