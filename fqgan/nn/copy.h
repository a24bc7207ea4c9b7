// Copies parameters and buffers between two networks of one architecture.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

namespace fqgan {

/// Every parameter and buffer by name, as handles (not copies).
std::map<std::string, torch::Tensor> state_of(const torch::nn::Module& module);

/// Copies parameters and buffers by name. Errors: InternalError when the names differ.
void copy_state(const torch::nn::Module& from, torch::nn::Module& to);

/// Converts all parameters and buffers of floating type to `type`.
void convert(torch::nn::Module& module, torch::ScalarType type);

/// Moves all parameters and buffers to a device, in place; also to `meta`, where they have no values.
void move_to(torch::nn::Module& module, torch::Device device);

}  // namespace fqgan
