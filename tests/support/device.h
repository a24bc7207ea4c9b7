// Tests that compare an accelerator with the CPU: FQGAN_TEST_DEVICE=cuda runs them, without it they are skipped.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>

namespace fqgan::test {

class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* name = std::getenv("FQGAN_TEST_DEVICE");
    if (!name) GTEST_SKIP() << "FQGAN_TEST_DEVICE names no device";
    device = torch::zeros({}, torch::Device(name)).device();  // with its index
    // As exact as on a CPU: by default cuDNN rounds the factors of float32 convolutions to 10 bits (TF32).
    at::globalContext().setAllowTF32CuDNN(false);
  }
  torch::Device device = torch::kCPU;
};

/// |found - expected| over |expected|, in float64 on the CPU.
inline double distance_between(const torch::Tensor& found, const torch::Tensor& expected) {
  const auto wide = [](const torch::Tensor& x) { return x.detach().to(torch::kCPU, torch::kDouble); };
  return (wide(found) - wide(expected)).norm().item<double>() / (wide(expected).norm().item<double>() + 1e-30);
}

}  // namespace fqgan::test
