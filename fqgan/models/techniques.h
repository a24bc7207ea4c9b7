// Tables of a recipe for the techniques of "Improved Techniques for Training GANs" that any family can switch on.
#pragma once

#include <string>
#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/losses/label_smoothing.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

/// The generator's objective: weight times the distance of the mean features at a tap (losses/feature_matching.h), and
/// the family's adversarial loss times its own weight.
struct FeatureMatchingOptions : Options {
  explicit FeatureMatchingOptions(double weight, double adversarial) : weight(weight), adversarial(adversarial) {}
  double weight, adversarial;
  std::string tap;  // empty: the last
  std::string distance = "squared";
  void fields(FieldVisitor& visit) override;
  /// The tap, by name.
  std::string matched(const std::vector<std::string>& taps) const { return tap.empty() ? taps.back() : tap; }
  /// taps: those of the discriminator, at least one.
  void check(const std::vector<std::string>& taps, Problems& problems) const;
};

struct MinibatchDiscriminationOptions : Options {
  int64_t kernels = 0, dims = 5;
  void fields(FieldVisitor& visit) override;
};

struct LabelSmoothingOptions : Options {
  LabelTargets targets;
  void fields(FieldVisitor& visit) override;
  /// Refuses targets that would teach the discriminator to call generated images real.
  void check(Problems& problems) const;
};

/// "batch" or "virtual_batch", of a generator's norms.
const std::vector<std::string>& normalizations();

/// Adds the problem when `name` is not one of `known`, which are listed.
void check_tap(const std::string& key, const std::string& name, const std::vector<std::string>& known,
               Problems& problems);

}  // namespace fqgan
