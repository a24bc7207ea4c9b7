#include "fqgan/models/techniques.h"

#include <c10/util/StringUtil.h>

#include <algorithm>

#include "fqgan/core/text.h"
#include "fqgan/losses/feature_matching.h"

namespace fqgan {

void FeatureMatchingOptions::fields(FieldVisitor& visit) {
  visit("weight", weight, about("of the feature-matching loss in the generator's objective; 0: none").at_least(0));
  visit("adversarial", adversarial, about("weight of the adversarial loss in the generator's objective").at_least(0));
  visit("tap", tap, about("discriminator tap whose mean features are matched; empty: the last"));
  visit("distance", distance, about("of the mean features").one_of(feature_distances()));
}

void FeatureMatchingOptions::check(const std::vector<std::string>& taps, Problems& problems) const {
  if (!tap.empty()) check_tap("model.feature_matching.tap", tap, taps, problems);
  if (weight == 0 && adversarial == 0)
    problems.add("model.feature_matching",
                 "the generator has no objective: expected 'weight' or 'adversarial' above 0, got 0 for both");
}

void MinibatchDiscriminationOptions::fields(FieldVisitor& visit) {
  visit("kernels", kernels,
        about("closenesses that are appended to the discriminator's last features; 0: none; the release: 100")
            .at_least(0)
            .at_most(65536));
  visit("dims", dims, about("dimensions of each kernel's space").at_least(1).at_most(65536));
}

void LabelSmoothingOptions::fields(FieldVisitor& visit) {
  visit("real", targets.real,
        about("the discriminator's target for real images; one-sided smoothing: 0.9").more_than(0).at_most(1));
  visit(
      "fake", targets.fake,
      about("its target for generated ones; above 0 (two-sided) the paper advises against").at_least(0).at_most(0.999));
}

void LabelSmoothingOptions::check(Problems& problems) const {
  if (targets.real > targets.fake) return;
  problems.add("model.label_smoothing", c10::str("expected real above fake, got real = ", targets.real,
                                                 " and fake = ", targets.fake, ". Hint: real = 0.9, fake = 0"));
}

const std::vector<std::string>& normalizations() {
  static const std::vector<std::string> names{"batch", "virtual_batch"};
  return names;
}

void check_tap(const std::string& key, const std::string& name, const std::vector<std::string>& known,
               Problems& problems) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  problems.add(key, "there is no tap '" + name + "'; this discriminator has " + quoted_list(known));
}

}  // namespace fqgan
