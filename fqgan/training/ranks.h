// What the loop does over ranks: one start for all, gradients of the global batch, one place that writes.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <map>
#include <string>

#include "fqgan/nn/ranks.h"
#include "fqgan/training/optimizer.h"

namespace fqgan {

/// Gives all ranks the tensors of rank 0, in place. One collective.
void share_tensors(const std::map<std::string, torch::Tensor>& tensors, const Ranks* ranks);

/// Replaces the gradients of an optimizer's parameters by their means over ranks: R ranks with N / R images then take
/// the step of one with N. One collective. Errors: NumericalError on all ranks when a loss was not finite
/// (`broken_loss`) on any.
void average_gradients(Adam& optimizer, bool broken_loss, const Ranks* ranks);
[[noreturn]] void throw_broken_loss();

/// Calls `write` on rank 0 alone. Errors: what `write` throws there; SystemError on the others then.
void on_first_rank(const std::function<void()>& write, const Ranks* ranks);

/// A signal that came to any rank: its number on ranks that have it, SIGTERM on others; 0: none.
int shared_signal(int signal, const Ranks* ranks);

}  // namespace fqgan
