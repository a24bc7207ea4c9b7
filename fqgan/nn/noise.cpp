#include "fqgan/nn/noise.h"

#include "fqgan/ops/gaussian_noise.h"

namespace fqgan {

torch::Tensor gaussian_noise(const torch::Tensor& x, double deviation, Pass& pass) {
  if (!pass.training || deviation == 0) return x;
  return ops::add_gaussian_noise(x, pass.random.key("gaussian noise"), deviation);
}

torch::Tensor dropout(const torch::Tensor& x, double probability, Pass& pass) {
  if (!pass.training || probability == 0) return x;
  const auto kept = pass.random.uniform(x.sizes(), "dropout").to(x.device()).ge(probability);
  return x * kept.to(x.scalar_type()).mul_(1 / (1 - probability));
}

}  // namespace fqgan
