#include "fqgan/nn/spectral_norm.h"

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

torch::Tensor normalized(const torch::Tensor& x, double epsilon) { return x / x.norm().clamp_min(epsilon); }

/// W / sigma with sigma = u^T W v. The gradient in closed form: g / sigma - (g . W) / sigma^2 u v^T.
struct DividedBySigma : torch::autograd::Function<DividedBySigma> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& weight,
                               const torch::Tensor& u, const torch::Tensor& v, const torch::Tensor& sigma) {
    context->save_for_backward({weight, u, v, sigma});
    return weight / sigma;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    if (at::GradMode::is_enabled())
      fail("spectral_norm",
           "the fused spectral norm can be differentiated only once. Hint: set Pass::penalty");
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

torch::Tensor right_singular_vector(const torch::Tensor& matrix, const torch::Tensor& u, double epsilon) {
  torch::NoGradGuard no_grad;
  return normalized(at::mv(matrix.t(), u), epsilon);
}

torch::Tensor spectrally_normalized(const torch::Tensor& weight, torch::Tensor& u, torch::Tensor& v,
                                    const SpectralOptions& options, const Pass& pass) {
  const auto matrix = weight.reshape({weight.size(0), -1});  // Co x R
  const bool iterates = options.form == SpectralForm::biggan || pass.training;
  torch::Tensor left = u.detach(), right = v.detach(), image, sigma;
  {
    torch::NoGradGuard no_grad;
    for (int64_t i = 0; iterates && i < options.iterations; ++i) {
      right = right_singular_vector(matrix, left, options.epsilon);
      image = at::mv(matrix, right);
      left = normalized(image, options.epsilon);
    }
    sigma = at::dot(left, iterates ? image : at::mv(matrix, right));
    if (iterates && pass.update_state) {  // not in place: the graphs of earlier forwards still read the old vectors
      u.set_data(left);
      v.set_data(right);
    }
  }
  if (!pass.plain()) return DividedBySigma::apply(weight, left, right, sigma);
  return weight / at::dot(left, at::mv(matrix, right));
}

}  // namespace fqgan
