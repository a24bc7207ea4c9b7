#include "fqgan/nn/copy.h"

#include "fqgan/core/error.h"

namespace fqgan {

std::map<std::string, torch::Tensor> state_of(const torch::nn::Module& module) {
  std::map<std::string, torch::Tensor> state;
  for (const auto& [name, parameter] : module.named_parameters().pairs()) state.emplace(name, parameter);
  for (const auto& [name, buffer] : module.named_buffers().pairs()) state.emplace(name, buffer);
  return state;
}

void copy_state(const torch::nn::Module& from, torch::nn::Module& to) {
  torch::NoGradGuard no_grad;
  const auto source = state_of(from);
  auto target = state_of(to);
  FQGAN_CHECK(source.size() == target.size(), "networks of different architecture");
  for (auto& [name, tensor] : target) {
    const auto found = source.find(name);
    FQGAN_CHECK(found != source.end(), "no '" + name + "' to copy");
    tensor.copy_(found->second);
  }
}

void convert(torch::nn::Module& module, torch::ScalarType type) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_of(module))
    if (tensor.is_floating_point()) tensor.set_data(tensor.to(type));
}

void move_to(torch::nn::Module& module, torch::Device device) {
  torch::NoGradGuard no_grad;
  if (!device.is_meta()) return module.to(device);
  // set_data, which Module::to uses, refuses a device of that kind.
  for (auto& [name, tensor] : state_of(module))
    tensor.unsafeGetTensorImpl()->shallow_copy_from(tensor.to(device).getIntrusivePtr());
}

}  // namespace fqgan
