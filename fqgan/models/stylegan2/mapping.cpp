#include "fqgan/models/stylegan2/mapping.h"

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/nn/modulated_convolution.h"

namespace fqgan {
namespace {

/// Divides each row by the root of its mean square.
torch::Tensor normalized_rows(const torch::Tensor& x) { return x * (x.square().mean(1, true) + 1e-8).rsqrt(); }

}  // namespace

MappingImpl::MappingImpl(const MappingOptions& o, Streams& random) : options(o) {
  if (o.classes > 0) embed = register_module("embed", Linear(o.classes, o.width, true, equalized(), random));
  auto in = o.latent + (o.classes > 0 ? o.width : 0);
  for (int64_t k = 0; k < o.layers; ++k) {
    layers.push_back(register_module("fc" + std::to_string(k),
                                     Linear(in, o.width, true, equalized(o.learning_rate_multiplier), random)));
    in = o.width;
  }
  if (o.average_decay) w_avg = register_buffer("w_avg", torch::zeros({o.width}));
}

torch::Tensor MappingImpl::forward(const torch::Tensor& z, const torch::Tensor& labels, Pass& pass) {
  const auto type = layers[0]->weight.scalar_type();
  std::vector<torch::Tensor> parts;
  if (options.latent > 0) {
    check_shape(z, {any, options.latent}, "latents");
    parts.push_back(normalized_rows(z.to(type)));
  }
  if (embed) {
    // The layer applied to one-hot vectors, in a form that the export can record.
    const auto of_class = at::embedding(embed->effective_weight(pass).t(), labels);
    parts.push_back(normalized_rows(of_class + embed->bias));
  }
  auto x = parts.size() == 1 ? parts[0] : at::cat(parts, 1);
  for (auto& layer : layers) x = activated(layer->forward(x, pass), ops::leaky_relu(1, 0), pass);
  return x;
}

void MappingImpl::track(const torch::Tensor& w, const Pass& pass) {
  FQGAN_CHECK(w_avg.defined(), "this mapping network has no average");
  torch::NoGradGuard no_grad;
  const auto mean = mean_over(w.detach().mean(0), pass.ranks);
  w_avg.copy_(mean.lerp(w_avg, *options.average_decay));
}

torch::Tensor truncated(const torch::Tensor& w, const torch::Tensor& average, const torch::Tensor& psi, int64_t rows) {
  if (rows < 0) return average + psi * (w - average);
  return at::cat({truncated(w.narrow(1, 0, rows), average, psi), w.narrow(1, rows, w.size(1) - rows)}, 1);
}

}  // namespace fqgan
