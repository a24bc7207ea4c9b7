#include "fqgan/nn/spectral_norm.h"

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

torch::Tensor normalized(const torch::Tensor& x, double epsilon) { return x / x.norm().clamp_min(epsilon); }

/// W / sigma with sigma = u^T W v, its gradient in closed form: g / sigma - (g . W) / sigma^2 u v^T.
struct DividedBySigma : torch::autograd::Function<DividedBySigma> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& weight,
                               const torch::Tensor& u, const torch::Tensor& v, const torch::Tensor& sigma) {
    context->save_for_backward({weight, u, v, sigma});
    return weight / sigma;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    if (at::GradMode::is_enabled())
      fail("spectral_norm", "this form can be differentiated once only. Hint: the twin (Pass::twin)");
    const auto saved = context->get_saved_variables();
    const auto &weight = saved[0], &sigma = saved[3];
    const auto gradient = gradients[0].contiguous();
    const auto slope = at::dot(gradient.view(-1), weight.reshape(-1)) / (sigma * sigma);
    auto result = gradient / sigma;
    result.view({weight.size(0), -1}).addr_(saved[1] * slope, saved[2], 1, -1);
    return {result, torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor spectrally_normalized(const torch::Tensor& weight, torch::Tensor& u, double epsilon, const Pass& pass) {
  const auto matrix = weight.reshape({weight.size(0), -1});  // Co x R
  torch::Tensor u_next, v, sigma;
  {
    torch::NoGradGuard no_grad;
    v = normalized(at::mv(matrix.t(), u), epsilon);
    const auto image = at::mv(matrix, v);
    u_next = normalized(image, epsilon);
    sigma = at::dot(u_next, image);
    // Replaced, not written into: graphs of earlier forwards still read the old vector.
    if (pass.update_state) u.set_data(u_next);
  }
  if (!pass.twin) return DividedBySigma::apply(weight, u_next, v, sigma);
  return weight / at::dot(u_next, at::mv(matrix, v));
}

}  // namespace fqgan
