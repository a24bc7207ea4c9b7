// The generator's objective, for every family: the adversarial loss, feature matching ("Improved Techniques for
// Training GANs", section 3.1) and the losses of the discriminator's taps (feature quantization).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/models/critic.h"

namespace fqgan {

struct FeatureMatchingOptions : Options {
  explicit FeatureMatchingOptions(double weight, double adversarial) : weight(weight), adversarial(adversarial) {}
  double weight, adversarial;
  std::string tap;
  std::string distance = "squared";
  void fields(FieldVisitor& visit) override;
  /// taps: the discriminator's tap names, at least one.
  void check(const std::vector<std::string>& taps, Problems& problems) const;
};

/// Where the real images of feature matching come from.
struct Matched {
  std::string tap, stream;
  Role role = Role::real;
};

struct GeneratorObjective {
  torch::Tensor objective, adversarial;  // scalars
};

/// Runs the discriminator on generated images, and with feature matching also on real ones, which changes no state.
/// adversarial: the generator's loss as a function of the logits. Reports "loss/feature_matching".
GeneratorObjective generator_objective(const Critic& critic, const Batch& generated,
                                       const FeatureMatchingOptions& options, const Matched& matched, Step& step,
                                       const std::function<torch::Tensor(const torch::Tensor&)>& adversarial);

}  // namespace fqgan
