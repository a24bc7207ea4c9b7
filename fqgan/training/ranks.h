// The loop's collectives: equal initial tensors, gradients of the global batch, one rank that writes files.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <map>
#include <string>

#include "fqgan/nn/ranks.h"
#include "fqgan/training/optimizer.h"

namespace fqgan {

/// Copies the tensors of rank 0 to all ranks, in place. One collective.
void share_tensors(const std::map<std::string, torch::Tensor>& tensors, const Ranks* ranks);

/// Replaces the gradients of an optimizer's parameters by their means over ranks, so that R ranks with N / R images
/// take the same step as one with N. One collective. Errors: NumericalError on all ranks when a loss was not finite on
/// any (`broken_loss`).
void average_gradients(Adam& optimizer, bool broken_loss, const Ranks* ranks);
[[noreturn]] void throw_broken_loss();

/// Calls `write` on rank 0 only. Errors: those of `write` on rank 0, and then a SystemError on the others.
void on_first_rank(const std::function<void()>& write, const Ranks* ranks);

/// Whether a signal arrived on any rank: its number on those ranks, SIGTERM on the others; 0: none.
int shared_signal(int signal, const Ranks* ranks);

}  // namespace fqgan
