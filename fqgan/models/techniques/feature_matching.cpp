#include "fqgan/models/techniques/feature_matching.h"

#include "fqgan/losses/feature_matching.h"
#include "fqgan/models/techniques/taps.h"

namespace fqgan {

void FeatureMatchingOptions::fields(FieldVisitor& visit) {
  visit("weight", weight,
        about("weight of the feature-matching loss in the generator's objective (0: off)").at_least(0));
  visit("adversarial", adversarial,
        about("weight of the adversarial loss in the generator's objective (0: off)").at_least(0));
  visit("tap", tap, about("tap of the discriminator whose mean features are matched; empty: the last tap"));
  visit("distance", distance, about("distance between the mean features").one_of(feature_distances()));
}

void FeatureMatchingOptions::check(const std::vector<std::string>& taps, Problems& problems) const {
  if (!tap.empty()) check_tap("model.feature_matching.tap", tap, taps, problems);
  if (weight == 0 && adversarial == 0)
    problems.add("model.feature_matching",
                 "expected 'weight' or 'adversarial' above 0, got 0 for both; the generator has no objective");
}

GeneratorObjective generator_objective(const Critic& critic, const Batch& generated,
                                       const FeatureMatchingOptions& options, const Matched& matched, Step& step,
                                       const std::function<torch::Tensor(const torch::Tensor&)>& adversarial) {
  auto pass = step.pass({{Role::fake, generated.images.size(0)}});
  if (options.weight > 0) pass.keep = {matched.tap};
  GeneratorObjective found;
  found.adversarial = adversarial(critic(generated, pass));
  found.objective = pass.tap_loss();
  if (options.adversarial > 0) found.objective = found.adversarial * options.adversarial + found.objective;
  if (options.weight > 0) {
    const auto features = critic.features(matched.tap, step.next(matched.stream), matched.role, step);
    const auto real = mean_row_over(features, step.ranks);
    const auto fake = mean_row_over(pass.features.at(matched.tap), step.ranks);
    const auto distance = feature_matching(real, fake, options.distance);
    found.objective = found.objective + distance * options.weight;
    step.report("loss/feature_matching", distance.detach());
  }
  return found;
}

}  // namespace fqgan
