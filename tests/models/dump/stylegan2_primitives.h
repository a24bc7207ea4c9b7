// The operators and small layers of StyleGAN2 on the inputs of the fixture `primitives`.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

#include "fqgan/nn/pass.h"

namespace fqgan::test {

/// NAME.y, and NAME.grad_INPUT of sum(y * g), for every entry of the fixture that one of our networks contains: no
/// filters that are not separable or differ by direction, no 1x1 convolution that doubles the size.
std::map<std::string, torch::Tensor> stylegan2_primitives(const std::map<std::string, torch::Tensor>& fixture,
                                                          torch::ScalarType type, Pass& pass);

}  // namespace fqgan::test
