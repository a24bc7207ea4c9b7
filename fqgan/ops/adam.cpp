#include "fqgan/ops/adam.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <cmath>

#include "fqgan/core/shape.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan::ops {
namespace {

using Operator = void(at::Tensor&, const at::Tensor&, at::Tensor&, at::Tensor&, double, double, double, double, double);

bool takes(const at::Tensor& p) { return p.is_cpu() && p.scalar_type() == at::kFloat; }

/// Floats that the kernel changes; those of a view are a copy that is written back.
struct Changed {
  explicit Changed(at::Tensor& x) : given(x), plain(x.contiguous()) {}
  float* data() const { return plain.mutable_data_ptr<float>(); }
  void write_back() const {
    if (!plain.is_same(given)) given.copy_(plain);
  }
  at::Tensor& given;
  at::Tensor plain;
};

void kernel(at::Tensor& p, const at::Tensor& gradient, at::Tensor& m, at::Tensor& v, double rate, double beta1,
            double beta2, double epsilon, double count) {
  for (const auto& other : {gradient, m, v}) check_shape(other, p.sizes().vec(), "adam");
  const double step = rate / (1 - std::pow(beta1, count)), correction = 1 / (1 - std::pow(beta2, count));
  if (!takes(p) || !takes(m) || !takes(v)) {
    m.lerp_(gradient, 1 - beta1);
    v.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    p.addcdiv_(m, (v * correction).add_(epsilon).sqrt_(), -step);
    return;
  }
  const auto narrow = [](double x) { return static_cast<float>(x); };
  const kernels::Adam rates{narrow(1 - beta1), narrow(1 - beta2),  narrow(beta2),
                            narrow(step),      narrow(correction), narrow(epsilon)};
  const auto g = gradient.to(at::kFloat).contiguous();
  const auto* from = g.const_data_ptr<float>();
  const Changed parameters(p), means(m), squares(v);
  auto *to_m = means.data(), *to_v = squares.data(), *to_p = parameters.data();
  at::parallel_for(0, p.numel(), 16384, [&](int64_t begin, int64_t end) {
    kernels::active().loops.elementwise.adam_epsilon_in_root(rates, from + begin, to_m + begin, to_v + begin,
                                                             to_p + begin, end - begin);
  });
  for (const auto* changed : {&parameters, &means, &squares}) changed->write_back();
}

void meta(at::Tensor&, const at::Tensor&, at::Tensor&, at::Tensor&, double, double, double, double, double) {}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  library.def(
      "adam_epsilon_in_root_(Tensor(a!) parameter, Tensor gradient, Tensor(b!) m, Tensor(c!) v, float rate, "
      "float beta1, float beta2, float epsilon, float count) -> ()");
}
TORCH_LIBRARY_IMPL(fqgan, CompositeExplicitAutograd, library) { library.impl("adam_epsilon_in_root_", kernel); }
TORCH_LIBRARY_IMPL(fqgan, Meta, library) { library.impl("adam_epsilon_in_root_", meta); }

void adam_epsilon_in_root_(at::Tensor& parameter, const at::Tensor& gradient, at::Tensor& m, at::Tensor& v,
                           const AdamStep& step) {
  static const auto op = dispatched<Operator>("fqgan::adam_epsilon_in_root_");
  op.call(parameter, gradient, m, v, step.learning_rate, step.beta1, step.beta2, step.epsilon, step.count);
}

}  // namespace fqgan::ops
