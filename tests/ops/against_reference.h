// Fast operators against their plain forms: results and gradients, on every instruction set and in every type.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "fqgan/core/streams.h"
#include "ops/kernel_sets.h"

namespace fqgan::test {

using Tensors = std::vector<at::Tensor>;
using Compute = std::function<at::Tensor(const Tensors&)>;

inline at::Tensor drawn(at::IntArrayRef shape, const char* name) { return Streams(4, {}).normal(shape, name); }

/// The result, and the gradients of all leaves.
inline Tensors results_of(const Compute& compute, const Tensors& given, bool wide) {
  Tensors leaves;
  for (const auto& x : given)
    leaves.push_back(x.to(wide ? at::kDouble : x.scalar_type(), false, true).requires_grad_());
  const auto y = compute(leaves);
  y.backward(drawn(y.sizes(), "gradient").to(y.scalar_type()));
  Tensors results{y.detach()};
  for (const auto& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

/// `fast` in float32 and bfloat16 on every instruction set, and in float64, against `plain` in float64.
inline void expect_as_reference(const Compute& fast, const Compute& plain, const Tensors& given,
                                const std::string& name, double in_bfloat16 = 1e-2) {
  for (const auto& [type, tolerance] : std::vector<std::pair<at::ScalarType, double>>{
           {at::kFloat, 1e-6}, {at::kBFloat16, in_bfloat16}, {at::kDouble, 1e-14}}) {
    auto inputs = given;
    inputs[0] = inputs[0].to(type);
    if (type == at::kDouble)
      for (auto& x : inputs) x = x.to(type);
    const auto expected = results_of(plain, inputs, true);
    on_every_instruction_set([&] {
      const auto found = results_of(fast, inputs, false);
      for (size_t i = 0; i < found.size(); ++i) {
        const auto apart = (found[i].to(at::kDouble) - expected[i]).norm() / (expected[i].norm() + 1e-30);
        EXPECT_LT(apart.item<double>(), tolerance) << name << ", " << type << ", result " << i;
      }
    });
  }
}

}  // namespace fqgan::test
