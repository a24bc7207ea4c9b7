#include "fqgan/training/ranks.h"

#include <csignal>
#include <exception>

#include "fqgan/core/error.h"

namespace fqgan {

void share_tensors(const std::map<std::string, torch::Tensor>& tensors, const Ranks* ranks) {
  if (!ranks) return;
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> values;
  for (const auto& [name, tensor] : tensors) values.push_back(tensor.detach());
  ranks->broadcast(values, 0);
  size_t i = 0;
  for (auto [name, tensor] : tensors) tensor.copy_(values[i++]);
}

void throw_broken_loss() { throw NumericalError("loss", "the loss is not finite; the training has diverged"); }

void average_gradients(Adam& optimizer, bool broken_loss, const Ranks* ranks) {
  if (!ranks) return;
  torch::NoGradGuard no_grad;
  auto gradients = optimizer.gradients();
  std::vector<torch::Tensor> totals(gradients.begin(), gradients.end());
  const auto options = gradients.empty() ? torch::TensorOptions(torch::kFloat) : gradients[0].options();
  totals.push_back(torch::full({}, broken_loss ? 1. : 0., options));
  ranks->sum(totals);
  if (totals.back().is_cpu() && totals.back().item<double>() > 0) throw_broken_loss();
  const double size = static_cast<double>(ranks->size());
  for (size_t i = 0; i < gradients.size(); ++i) gradients[i].copy_(totals[i].div_(size));
}

void on_first_rank(const std::function<void()>& write, const Ranks* ranks) {
  if (!ranks) return write();
  std::exception_ptr error;
  if (ranks->rank() == 0) {
    try {
      write();
    } catch (...) {
      error = std::current_exception();
    }
  }
  const bool failed = ranks->any(error != nullptr);
  if (error) std::rethrow_exception(error);
  if (failed) fail<SystemError>("ranks", "rank 0 could not write a file. Hint: see the error message of rank 0");
}

int shared_signal(int signal, const Ranks* ranks) {
  if (!ranks) return signal;
  const bool stops = ranks->any(signal != 0);
  return stops && !signal ? SIGTERM : signal;
}

}  // namespace fqgan
