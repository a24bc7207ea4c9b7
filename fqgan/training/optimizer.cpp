#include "fqgan/training/optimizer.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <cmath>

namespace fqgan {
namespace {

struct Rates {
  double beta1, beta2, epsilon, step, root;  // step: of m; root: sqrt(1 - beta2^t)
};

/// p -= rate m^ / sqrt(v^ + epsilon), m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t), in one pass over the memory.
template <class T>
void update(const Rates& r, const T* __restrict g, T* __restrict m, T* __restrict v, T* __restrict p, int64_t count) {
  const auto first = static_cast<T>(1 - r.beta1), second = static_cast<T>(1 - r.beta2), keep = static_cast<T>(r.beta2);
  const auto step = static_cast<T>(r.step), corrected = static_cast<T>(1 / (r.root * r.root));
  const auto epsilon = static_cast<T>(r.epsilon);
  for (int64_t i = 0; i < count; ++i) {
    m[i] += first * (g[i] - m[i]);
    v[i] = keep * v[i] + second * g[i] * g[i];
    p[i] -= step * m[i] / std::sqrt(v[i] * corrected + epsilon);
  }
}

void step_with_epsilon_in_root(const OptimizerSpec& spec, double rate, double t, const torch::Tensor& gradient,
                               torch::Tensor& m, torch::Tensor& v, torch::Tensor& p) {
  const Rates r{spec.beta1, spec.beta2, spec.epsilon, rate / (1 - std::pow(spec.beta1, t)),
                std::sqrt(1 - std::pow(spec.beta2, t))};
  if (!p.is_cpu() || !p.is_contiguous()) {
    m.lerp_(gradient, 1 - r.beta1);
    v.mul_(r.beta2).addcmul_(gradient, gradient, 1 - r.beta2);
    p.addcdiv_(m, (v / (r.root * r.root)).add_(r.epsilon).sqrt_(), -r.step);
    return;
  }
  AT_DISPATCH_FLOATING_TYPES(p.scalar_type(), "adam", [&] {
    const auto g = gradient.contiguous();
    const auto* from = g.const_data_ptr<scalar_t>();
    auto *to_m = m.mutable_data_ptr<scalar_t>(), *to_v = v.mutable_data_ptr<scalar_t>();
    auto* to_p = p.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, p.numel(), 16384, [&](int64_t begin, int64_t end) {
      update(r, from + begin, to_m + begin, to_v + begin, to_p + begin, end - begin);
    });
  });
}

}  // namespace

Adam::Adam(OptimizerSpec spec, std::map<std::string, torch::Tensor> parameters) : spec_(std::move(spec)) {
  for (const auto& [name, parameter] : parameters) {
    names_.push_back(name);
    parameters_.push_back(parameter);
    m_.push_back(torch::zeros_like(parameter));
    v_.push_back(torch::zeros_like(parameter));
    steps_.push_back(torch::zeros({}, parameter.options().dtype(torch::kFloat)));
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
      step_with_epsilon_in_root(spec_, spec_.learning_rate * factor, steps[i].item<double>(), gradients[i], m[i], v[i],
                                parameters[i]);
    return;
  }
  at::_fused_adam_(parameters, gradients, m, v, {}, steps, spec_.learning_rate * factor, spec_.beta1, spec_.beta2,
                   spec_.weight_decay, spec_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

void Adam::clear_gradients() {
  for (auto& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
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
