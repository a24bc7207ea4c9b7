#include "fqgan/training/log_entries.h"

#include <cmath>

#include "fqgan/core/error.h"

namespace fqgan {

void LogEntries::add(const std::string& name, const torch::Tensor& value) {
  auto& sum = sums_[name];
  const auto wide = value.detach().to(torch::kDouble);
  sum.total = sum.total.defined() ? sum.total + wide : wide;
  ++sum.count;
}

torch::Tensor LogEntries::totals(const Ranks* ranks) const {
  std::vector<torch::Tensor> values;
  for (const auto& [name, sum] : sums_) values.push_back(sum.total.cpu());
  if (values.empty()) return torch::zeros({0}, torch::kDouble);
  return mean_over(at::stack(values), ranks);
}

std::map<std::string, double> LogEntries::take(const Ranks* ranks) {
  std::map<std::string, double> means;
  const auto all = totals(ranks);
  int64_t i = 0;
  for (const auto& [name, sum] : sums_) {
    const double mean = all[i++].item<double>() / static_cast<double>(sum.count);
    if (!std::isfinite(mean)) throw NumericalError(name, "the value is not finite; the training has diverged");
    means[name] = mean;
  }
  sums_.clear();
  return means;
}

std::map<std::string, torch::Tensor> LogEntries::state(const Ranks* ranks) const {
  std::map<std::string, torch::Tensor> state;
  const auto all = totals(ranks);
  int64_t i = 0;
  for (const auto& [name, sum] : sums_)
    state.emplace(name, torch::tensor({all[i++].item<double>(), static_cast<double>(sum.count)}, torch::kDouble));
  return state;
}

void LogEntries::restore(const std::map<std::string, torch::Tensor>& state) {
  sums_.clear();
  for (const auto& [name, pair] : state) sums_[name] = {pair[0].clone(), static_cast<int64_t>(pair[1].item<double>())};
}

}  // namespace fqgan
