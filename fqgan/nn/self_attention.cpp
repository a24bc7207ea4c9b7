#include "fqgan/nn/self_attention.h"

#include "fqgan/core/error.h"
#include "fqgan/nn/layer_scope.h"

namespace fqgan {
namespace {

// Max pooling over 2x2 blocks by amax, which is twice differentiable in every type.
torch::Tensor pooled(const torch::Tensor& x) {
  return x.unflatten(3, {x.size(3) / 2, 2}).unflatten(2, {x.size(2) / 2, 2}).amax({3, 5});
}

}  // namespace

SelfAttentionImpl::SelfAttentionImpl(int64_t channels, WeightOptions weight, Streams& random) {
  if (channels < 8) fail("self_attention", "expected at least 8 channels, got " + std::to_string(channels));
  const auto conv = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, Conv2d(Conv2dOptions{in, out, 1, Resample::none, false}, weight, random));
  };
  query = conv("query", channels, channels / 8);
  key = conv("key", channels, channels / 8);
  value = conv("value", channels, channels / 2);
  output = conv("output", channels / 2, channels);
  gain = register_parameter("gain", torch::zeros({}));
}

torch::Tensor SelfAttentionImpl::forward(const torch::Tensor& x, Pass& pass) {
  const LayerScope scope(this);
  const auto height = x.size(2), width = x.size(3);
  if (height % 2 || width % 2)
    fail("self_attention",
         "expected an even height and width, got " + std::to_string(height) + " x " + std::to_string(width));
  const auto q = query->forward(x, pass).flatten(2);                    // N x C/8 x HW
  const auto k = pooled(key->forward(x, pass)).flatten(2);              // N x C/8 x HW/4
  const auto v = pooled(value->forward(x, pass)).flatten(2);            // N x C/2 x HW/4
  const auto weights = at::softmax(at::bmm(q.transpose(1, 2), k), -1);  // N x HW x HW/4
  // As weights x v^T the result lies as channels_last, and the gradient of the weights, the largest map, is contiguous.
  const auto mixed = at::bmm(weights, v.transpose(1, 2)).transpose(1, 2).unflatten(2, {height, width});
  return at::addcmul(x, output->forward(mixed, pass), gain.to(x.scalar_type()));
}

}  // namespace fqgan
