#include "fqgan/ops/gaussian_noise.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/kernels/instruction_set.h"
#include "fqgan/ops/registration.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Operator = at::Tensor(const at::Tensor&, int64_t, double);

const auto& the_operator() {
  static const auto op = dispatched<Operator>("fqgan::add_gaussian_noise");
  return op;
}

at::Tensor add_kernel(const at::Tensor& x, int64_t key, double stddev) {
  check_type(x, "add_gaussian_noise");
  if (!kernels_take(x)) {  // the same noise, made on the processor
    const auto zeros = at::zeros(x.sizes(), at::kFloat);
    return in_order(x) + add_kernel(zeros, key, stddev).to(x.options());
  }
  const auto from = x.contiguous();
  auto y = at::empty_like(from);
  const auto* data = from.const_data_ptr();
  auto* to = y.mutable_data_ptr();
  const bool narrow = x.scalar_type() == at::kBFloat16;
  const auto blocks = (x.numel() + kernels::noise_block - 1) / kernels::noise_block;
  at::parallel_for(0, blocks, 64, [&](int64_t begin, int64_t end) {
    const auto first = begin * kernels::noise_block, last = std::min(end * kernels::noise_block, x.numel());
    kernels::active().loops.elementwise.add_noise(data, narrow, first, last, static_cast<uint64_t>(key),
                                                  static_cast<float>(stddev), to);
  });
  return y.contiguous(x.suggest_memory_format());  // elements are counted in their logical order, whatever the layout
}

at::Tensor add_meta(const at::Tensor& x, int64_t, double) { return at::empty_like(x, x.suggest_memory_format()); }

struct AddNoiseFunction : torch::autograd::Function<AddNoiseFunction> {
  static at::Tensor forward(AutogradContext*, const at::Tensor& x, int64_t key, double stddev) {
    at::AutoDispatchBelowADInplaceOrView below;
    return the_operator().call(x, key, stddev);
  }
  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {gradients[0], at::Tensor(), at::Tensor()};
  }
};

at::Tensor add_autograd(const at::Tensor& x, int64_t key, double stddev) {
  return AddNoiseFunction::apply(x, key, stddev);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  add_operator(library, "add_gaussian_noise(Tensor x, int key, float std) -> Tensor", add_kernel, add_meta,
               add_autograd);
}

at::Tensor add_gaussian_noise(const at::Tensor& x, uint64_t key, double stddev) {
  return the_operator().call(x, static_cast<int64_t>(key), stddev);
}

}  // namespace fqgan::ops
