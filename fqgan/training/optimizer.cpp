#include "fqgan/training/optimizer.h"

#include "fqgan/ops/adam.h"

namespace fqgan {

Adam::Adam(OptimizerSpec spec, std::map<std::string, torch::Tensor> parameters) : spec_(std::move(spec)) {
  for (const auto& [name, parameter] : parameters) {
    names_.push_back(name);
    parameters_.push_back(parameter);
    m_.push_back(torch::zeros_like(parameter));
    v_.push_back(torch::zeros_like(parameter));
    // The fused operator needs the counts on the parameters' device; the other one reads them on the CPU.
    const auto device = spec_.epsilon_in_root ? torch::Device(torch::kCPU) : parameter.device();
    steps_.push_back(torch::zeros({}, torch::TensorOptions(torch::kFloat).device(device)));
  }
}

void Adam::step(double factor) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parameters, gradients, m, v, steps;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto& gradient = parameters_[i].grad();
    if (!gradient.defined()) continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(gradient);
    m.push_back(m_[i]);
    v.push_back(v_[i]);
    steps.push_back(steps_[i]);
  }
  if (parameters.empty()) return;
  for (auto& step : steps) step.add_(1);
  if (spec_.epsilon_in_root) {
    for (size_t i = 0; i < parameters.size(); ++i)
      ops::adam_epsilon_in_root_(
          parameters[i], gradients[i], m[i], v[i],
          {spec_.learning_rate * factor, spec_.beta1, spec_.beta2, spec_.epsilon, steps[i].item<double>()});
    return;
  }
  at::_fused_adam_(parameters, gradients, m, v, {}, steps, spec_.learning_rate * factor, spec_.beta1, spec_.beta2,
                   spec_.weight_decay, spec_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

void Adam::clear_gradients() {
  for (auto& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
}

std::vector<torch::Tensor> Adam::gradients() const {
  std::vector<torch::Tensor> gradients;
  for (const auto& parameter : parameters_)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  return gradients;
}

std::map<std::string, torch::Tensor> Adam::state() const {
  std::map<std::string, torch::Tensor> state;
  for (size_t i = 0; i < names_.size(); ++i) {
    state.emplace("m." + names_[i], m_[i]);
    state.emplace("v." + names_[i], v_[i]);
    state.emplace("step." + names_[i], steps_[i]);
  }
  return state;
}

}  // namespace fqgan
