#include "fqgan/nn/weighted_layer.h"

#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/nn/initialise.h"

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

WeightOptions equalized(double learning_rate_multiplier) {
  WeightOptions options{WeightNormalization::equalized};
  options.biases = "zero";
  options.initial_std = 1 / learning_rate_multiplier;
  options.learning_rate_multiplier = learning_rate_multiplier;
  return options;
}

WeightedLayer::WeightedLayer(WeightShape shape, WeightOptions options, Streams& random)
    : weight_options(std::move(options)), shape_(std::move(shape)) {
  const auto& o = weight_options;
  FQGAN_CHECK(o.iterations >= 1, "expected at least one step of the power iteration");
  const auto normal = [&] { return random.normal(shape_.sizes, "weight") * *o.initial_std; };
  weight = register_parameter("weight", o.initial_std ? normal() : torch::empty(shape_.sizes));
  if (!o.initial_std) initialise_weight(rows().detach(), o.initialisation, random);
  if (o.normalization == WeightNormalization::spectral) {
    const auto start = random.normal({rows().size(0)}, "spectral_norm");
    u = register_buffer("u", o.spectral_form == SpectralForm::torch ? start / start.norm() : start);
    v = register_buffer("v", right_singular_vector(matrix(), u, o.epsilon));
  }
  if (o.normalization == WeightNormalization::weight) {
    const auto start =
        o.scale_start == ScaleStart::one ? torch::ones({shape_.outputs()}) : weight_lengths(weight.detach(), shape_);
    scale = o.train_scale ? register_parameter("scale", start) : register_buffer("scale", start);
  }
}

torch::Tensor WeightedLayer::register_bias(bool wanted, int64_t fan_in, Streams& random) {
  if (!wanted) return {};
  return register_parameter("bias", initial_bias(weight_options.biases, shape_.outputs(), fan_in, random));
}

torch::Tensor WeightedLayer::effective_bias(const torch::Tensor& bias) const {
  const auto factor = weight_options.learning_rate_multiplier;
  return bias.defined() && factor != 1 ? bias * factor : bias;
}

torch::Tensor WeightedLayer::rows() const { return shape_.output == 0 ? weight : weight.transpose(0, shape_.output); }

torch::Tensor WeightedLayer::matrix() const { return rows().detach().reshape({rows().size(0), -1}); }

void WeightedLayer::recompute_v() { v.set_data(right_singular_vector(matrix(), u, weight_options.epsilon)); }

bool WeightedLayer::takes_start(const Pass& pass) const {
  return pass.initialise && scale.defined() && weight_options.starts_by_data;
}

torch::Tensor WeightedLayer::effective_weight(Pass& pass) {
  const auto& o = weight_options;
  if (scale.defined()) return weight_normalized(weight, scale, shape_);
  if (o.normalization == WeightNormalization::equalized) {
    const auto fan_in = static_cast<double>(weight.numel() / shape_.outputs());
    return weight * (o.learning_rate_multiplier / std::sqrt(fan_in));
  }
  if (!u.defined()) return weight;
  const SpectralOptions spectral{o.spectral_form, o.iterations, o.epsilon};
  const auto normalized = spectrally_normalized(rows(), u, v, spectral, pass);
  return shape_.output == 0 ? normalized : normalized.transpose(0, shape_.output);
}

}  // namespace fqgan
