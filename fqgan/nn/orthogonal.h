// BigGAN's modified orthogonal regularization (Brock et al. 2019, section 3.1): |W W^T * (1 - I)|^2, as a term of the
// gradient. Matches BigGAN-PyTorch's utils.ortho.
#pragma once

#include <torch/torch.h>

#include <string>

namespace fqgan {

/// Adds strength * 2 (W W^T * (1 - I)) W to the gradient of every parameter of two dimensions or more that has one; W
/// is Co x rest. Parameters whose names begin with `skip` are left alone.
void add_orthogonal_gradients(torch::nn::Module& network, double strength, const std::string& skip = "");

}  // namespace fqgan
