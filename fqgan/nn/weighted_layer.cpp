#include "fqgan/nn/weighted_layer.h"

#include "fqgan/core/error.h"
#include "fqgan/nn/initialise.h"
#include "fqgan/nn/spectral_norm.h"
#include "fqgan/nn/weight_norm.h"

namespace fqgan {

const std::vector<std::string>& weight_normalizations() {
  static const std::vector<std::string> names{"none", "spectral", "weight"};
  return names;
}

WeightNormalization weight_normalization(const std::string& name) {
  const auto& names = weight_normalizations();
  for (size_t k = 0; k < names.size(); ++k)
    if (names[k] == name) return static_cast<WeightNormalization>(k);
  fail("weight_normalization", "expected 'none', 'spectral' or 'weight', got '" + name + "'");
}

WeightedLayer::WeightedLayer(std::vector<int64_t> shape, WeightOptions options, Streams& random)
    : weight_options(std::move(options)) {
  weight = register_parameter("weight", torch::empty(shape));
  initialise_weight(weight, weight_options.initialisation, random);
  if (weight_options.normalization == WeightNormalization::spectral)
    u = register_buffer("u", random.normal({shape[0]}, "spectral_norm"));
  if (weight_options.normalization == WeightNormalization::weight)
    scale = register_parameter("scale", weight.detach().flatten(1).norm(2, 1));
}

torch::Tensor WeightedLayer::effective_weight(Pass& pass) {
  if (u.defined()) return spectrally_normalized(weight, u, weight_options.epsilon, pass);
  if (scale.defined()) return weight_normalized(weight, scale, 0);
  return weight;
}

}  // namespace fqgan
