#include "fqgan/nn/noise.h"

#include "fqgan/ops/gaussian_noise.h"

namespace fqgan {
namespace {

/// Each rank draws its own noise, because it has other rows.
std::string of_rank(const char* name, const Pass& pass) {
  const auto rank = rank_in(pass.ranks);
  return rank == 0 ? name : name + ("/rank " + std::to_string(rank));
}

}  // namespace

torch::Tensor gaussian_noise(const torch::Tensor& x, double stddev, Pass& pass) {
  if (!pass.training || stddev == 0) return x;
  return ops::add_gaussian_noise(x, pass.random.key(of_rank("gaussian noise", pass)), stddev);
}

torch::Tensor dropout(const torch::Tensor& x, double probability, Pass& pass) {
  if (!pass.training || probability == 0) return x;
  const auto kept = pass.random.uniform(x.sizes(), of_rank("dropout", pass)).to(x.device()).ge(probability);
  return x * kept.to(x.scalar_type()).mul_(1 / (1 - probability));
}

}  // namespace fqgan
