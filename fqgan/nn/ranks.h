// The other processes of a distributed training, as layers see them.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

struct Ranks {
  virtual ~Ranks() = default;
  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;
  /// Replaces `x` on every rank by the sum over ranks, in rank order (the same bits everywhere).
  virtual void sum(at::Tensor& x) const = 0;
};

}  // namespace fqgan
