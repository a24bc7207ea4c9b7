#include "fqgan/nn/frozen_convolution.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include "fqgan/nn/layer_scope.h"

namespace fqgan {
namespace {

using Sizes = std::vector<int64_t>;

/// Calls an operator of LibTorch whose C++ signature is not public.
template <class... Arguments>
at::Tensor call(const c10::OperatorHandle& op, Arguments&&... arguments) {
  torch::jit::Stack stack;
  torch::jit::push(stack, std::forward<Arguments>(arguments)...);
  op.callBoxed(stack);
  return torch::jit::pop(stack).toTensor();
}

at::Tensor reordered_weight(const at::Tensor& weight, const FrozenConvolutionOptions& o, const Sizes& padding,
                            at::IntArrayRef input) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_reorder_convolution_weight", "");
  return call(op, weight, padding, Sizes{o.stride, o.stride}, Sizes{1, 1}, o.groups, input.vec());
}

at::Tensor pointwise_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                 const FrozenConvolutionOptions& o, const Sizes& padding) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_convolution_pointwise", "");
  c10::List<std::optional<at::Scalar>> bounds;
  if (o.activation == Activation::relu6) bounds = {at::Scalar(0.), at::Scalar(6.)};
  const char* activation = o.activation == Activation::relu    ? "relu"
                           : o.activation == Activation::relu6 ? "hardtanh"
                                                               : "none";
  return call(op, x, weight, bias, padding, Sizes{o.stride, o.stride}, Sizes{1, 1}, o.groups, activation, bounds, "");
}

}  // namespace

FrozenConvolutionImpl::FrozenConvolutionImpl(torch::Tensor w, torch::Tensor b, FrozenConvolutionOptions o)
    : options(o) {
  // For "SAME" the kernel gets a row and a column of zeros in front, so that both sides have the same padding.
  if (options.same) w = at::constant_pad_nd(w, {1, 0, 1, 0});
  weight = register_buffer("weight", std::move(w));
  bias = register_buffer("bias", std::move(b));
}

torch::Tensor FrozenConvolutionImpl::forward(const torch::Tensor& x) {
  const LayerScope scope(this);
  const bool differentiated = at::GradMode::is_enabled() && x.requires_grad();
  const bool fast_type = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  const auto y = x.is_cpu() && fast_type && !differentiated && at::hasMKLDNN() ? fused(x) : plain(x);
  const auto products = y[0].numel() * weight.size(1) * weight.size(2) * weight.size(3);
  operations = 2 * static_cast<double>(products);
  return y;
}

std::vector<int64_t> FrozenConvolutionImpl::padding_of(const torch::Tensor& x) const {
  if (!options.same) return {options.padding_height, options.padding_width};
  const auto half = (weight.size(2) - 2) / 2;
  return {half + x.size(2) % 2, half + x.size(3) % 2};
}

torch::Tensor FrozenConvolutionImpl::fused(const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  if (!packed_weight_.defined() || packed_weight_.scalar_type() != x.scalar_type()) {
    packed_weight_ = reordered_weight(weight.to(x.scalar_type()), options, padding_of(x), x.sizes());
    packed_bias_ = bias.to(x.scalar_type());
  }
  return pointwise_convolution(x.contiguous(at::MemoryFormat::ChannelsLast), packed_weight_, packed_bias_, options,
                               padding_of(x));
}

torch::Tensor FrozenConvolutionImpl::plain(const torch::Tensor& x) const {
  const auto type = x.scalar_type();
  const auto y = at::conv2d(x, weight.to(type), bias.to(type), options.stride, padding_of(x), 1, options.groups);
  switch (options.activation) {
    case Activation::relu:
      return at::relu(y);
    case Activation::relu6:
      return at::clamp(y, 0, 6);
    default:
      return y;
  }
}

double operations_per_image(const torch::nn::Module& network) {
  double sum = 0;
  for (const auto& module : network.modules())
    if (const auto* convolution = module->as<FrozenConvolutionImpl>()) sum += convolution->operations;
  return sum;
}

FoldedWeights fold_batch_norm(const torch::Tensor& weight, const torch::Tensor& gain, const torch::Tensor& bias,
                              const torch::Tensor& mean, const torch::Tensor& variance, double epsilon) {
  const auto scale = gain.to(at::kDouble) / (variance.to(at::kDouble) + epsilon).sqrt();
  const auto folded = weight.to(at::kDouble) * scale.view({-1, 1, 1, 1});
  return {folded.to(at::kFloat), (bias.to(at::kDouble) - mean.to(at::kDouble) * scale).to(at::kFloat)};
}

}  // namespace fqgan
