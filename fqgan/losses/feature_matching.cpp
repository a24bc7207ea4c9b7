#include "fqgan/losses/feature_matching.h"

#include <ATen/ATen.h>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"

namespace fqgan {

at::Tensor feature_matching(const at::Tensor& real, const at::Tensor& fake, const std::string& distance) {
  if (real.dim() < 2 || real.sizes().slice(1) != fake.sizes().slice(1))
    fail("feature_matching", "expected real and generated features of one shape, got " + shape_text(real.sizes()) +
                                 " and " + shape_text(fake.sizes()));
  const auto type = real.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto difference =
      real.detach().mean(at::IntArrayRef{0}, false, type) - fake.mean(at::IntArrayRef{0}, false, type);
  if (distance == "squared") return difference.square().mean();
  if (distance == "l1") return difference.abs().mean();
  fail("feature_matching", "expected the distance 'squared' or 'l1', got '" + distance + "'");
}

const std::vector<std::string>& feature_distances() {
  static const std::vector<std::string> names{"squared", "l1"};
  return names;
}

}  // namespace fqgan
