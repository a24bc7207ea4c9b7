// Numerical-gradient checks in float64, element by element.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "fqgan/nn/pass.h"

namespace fqgan::test {

using Function = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

/// A float64 leaf of N(0, 1) values, the same for the same seed.
torch::Tensor leaf(std::vector<int64_t> shape, uint64_t seed = 1);

/// d f / d inputs against central differences. `f` may return any shape; a fixed random projection makes it a scalar.
/// Inputs: float64 leaves that require gradients (module parameters may be among them).
void expect_gradients(const Function& f, std::vector<torch::Tensor> inputs, double tolerance = 1e-6);

/// The gradient of a random projection of d f / d `first` with respect to all `inputs`, against central differences:
/// what a gradient penalty needs. `first` is inputs[0].
void expect_second_gradients(const Function& f, std::vector<torch::Tensor> inputs, double tolerance = 1e-5);

/// Streams and a pass for one layer test.
struct TestPass {
  explicit TestPass(uint64_t seed = 7) : streams(seed, {}), pass(streams) { pass.compute = torch::kDouble; }
  Streams streams;
  Pass pass;
};

}  // namespace fqgan::test
