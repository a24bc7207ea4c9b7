#include "fqgan/training/figures.h"

#include <cmath>

#include "fqgan/core/error.h"

namespace fqgan {

void Figures::add(const std::string& name, const torch::Tensor& value) {
  auto& sum = sums_[name];
  const auto wide = value.detach().to(torch::kDouble);
  sum.total = sum.total.defined() ? sum.total + wide : wide;
  ++sum.count;
}

std::map<std::string, double> Figures::take() {
  std::map<std::string, double> means;
  for (const auto& [name, sum] : sums_) {
    const double mean = sum.total.item<double>() / static_cast<double>(sum.count);
    if (!std::isfinite(mean)) throw NumericalError(name, "the figure is not finite: training has diverged");
    means[name] = mean;
  }
  sums_.clear();
  return means;
}

std::map<std::string, torch::Tensor> Figures::state() const {
  std::map<std::string, torch::Tensor> state;
  for (const auto& [name, sum] : sums_)
    state.emplace(name, torch::tensor({sum.total.item<double>(), static_cast<double>(sum.count)}, torch::kDouble));
  return state;
}

void Figures::restore(const std::map<std::string, torch::Tensor>& state) {
  sums_.clear();
  for (const auto& [name, pair] : state) sums_[name] = {pair[0].clone(), static_cast<int64_t>(pair[1].item<double>())};
}

}  // namespace fqgan
