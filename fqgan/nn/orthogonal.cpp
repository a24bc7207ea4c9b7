#include "fqgan/nn/orthogonal.h"

namespace fqgan {

void add_orthogonal_gradients(torch::nn::Module& network, double strength, const std::string& skip) {
  torch::NoGradGuard no_grad;
  for (auto& [name, parameter] : network.named_parameters().pairs()) {
    if (parameter.dim() < 2 || !parameter.grad().defined() || (!skip.empty() && name.starts_with(skip))) continue;
    const auto matrix = parameter.reshape({parameter.size(0), -1});
    const auto products = matrix.mm(matrix.t());
    products.fill_diagonal_(0);
    parameter.mutable_grad().add_(products.mm(matrix).reshape(parameter.sizes()), 2 * strength);
  }
}

}  // namespace fqgan
