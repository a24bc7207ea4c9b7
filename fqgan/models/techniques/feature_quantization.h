// Feature quantization (FQ-GAN) for any discriminator with taps: the table [model.quantizer] of a recipe, its checks,
// and the quantizers at the taps.
#pragma once

#include <string>
#include <vector>

#include "fqgan/nn/feature_quantizer.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

struct QuantizationOptions : FeatureQuantizerOptions {
  std::vector<std::string> taps;
  std::vector<std::string> shared_with;
  void fields(FieldVisitor& visit) override;

  /// points: the taps of the discriminator, with their channels.
  void check(const std::vector<TapPoint>& points, Problems& problems) const;
  /// Whether the initial dictionary is computed from a batch (Critic::initialise).
  bool starts_from_data() const { return !taps.empty() && initialisation == "kmeans"; }
};

/// Attaches a quantizer to each of options.taps; their initial entries are drawn from `random`.
void attach_quantizers(Taps& taps, const QuantizationOptions& options, Streams& random);

}  // namespace fqgan
