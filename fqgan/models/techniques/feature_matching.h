// The generator's objective, for every family: the adversarial loss, feature matching ("Improved Techniques for
// Training GANs", section 3.1) and what the discriminator's taps add (feature quantization).
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
  std::string tap;  // empty: the last
  std::string distance = "squared";
  void fields(FieldVisitor& visit) override;
  /// taps: those of the discriminator, at least one.
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

/// One forward of the discriminator over generated images; with feature matching one more over real ones, whose
/// features are read and change no state. adversarial: the generator's loss of logits. Reports "loss/feature_matching".
GeneratorObjective generator_objective(const Critic& critic, const Batch& generated,
                                       const FeatureMatchingOptions& options, const Matched& matched, Step& step,
                                       const std::function<torch::Tensor(const torch::Tensor&)>& adversarial);

}  // namespace fqgan
