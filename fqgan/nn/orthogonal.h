// BigGAN's modified orthogonal regularization (Brock et al. 2019, section 3.1): |W W^T * (1 - I)|^2, added directly to
// the gradient. Matches BigGAN-PyTorch's utils.ortho.
#pragma once

#include <torch/torch.h>

#include <string>

namespace fqgan {

/// Adds strength * 2 (W W^T * (1 - I)) W to the gradient of every parameter that has one and at least two dimensions; W
/// is Co x rest. Parameters whose names begin with `skip` are left out.
void add_orthogonal_gradients(torch::nn::Module& network, double strength, const std::string& skip = "");

}  // namespace fqgan
