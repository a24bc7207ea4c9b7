// Feature quantization (FQ-GAN) as a technique of any discriminator with taps: the table [model.quantizer] of a recipe,
// its checks, and the quantizers that it puts at the taps.
#pragma once

#include <string>
#include <vector>

#include "fqgan/nn/feature_quantizer.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

struct QuantizationOptions : FeatureQuantizerOptions {
  std::vector<std::string> taps;         // empty: no feature quantization
  std::vector<std::string> shared_with;  // those of them that use one dictionary
  void fields(FieldVisitor& visit) override;

  /// points: the taps of the discriminator, with their channels.
  void check(const std::vector<TapPoint>& points, Problems& problems) const;
  /// Whether the first dictionary is made from a batch (Critic::initialise).
  bool starts_from_data() const { return !taps.empty() && initialisation == "kmeans"; }
};

/// Puts a quantizer at each of options.taps; their first entries come from `random`.
void attach_quantizers(Taps& taps, const QuantizationOptions& options, Streams& random);

}  // namespace fqgan
