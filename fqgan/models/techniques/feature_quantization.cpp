#include "fqgan/models/techniques/feature_quantization.h"

#include <algorithm>
#include <optional>

#include "fqgan/models/techniques/taps.h"

namespace fqgan {
namespace {

bool listed(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void QuantizationOptions::fields(FieldVisitor& visit) {
  visit(
      "taps", taps,
      about(
          "taps of the discriminator whose features are quantized, such as 'block0'; empty: no feature quantization"));
  visit("shared_with", shared_with,
        about("taps with one common dictionary: some of `taps`, with the same number of channels"));
  FeatureQuantizerOptions::fields(visit);
}

void QuantizationOptions::check(const std::vector<TapPoint>& points, Problems& problems) const {
  std::optional<int64_t> shared_width;
  for (const auto& [tap, width] : points) {
    if (!listed(taps, tap) || !listed(shared_with, tap)) continue;
    if (shared_width.value_or(width) != width)
      problems.add("model.quantizer.shared_with",
                   "taps that share a dictionary need the same number of channels, but '" + tap + "' has " +
                       std::to_string(width) + " and another tap has " + std::to_string(*shared_width));
    shared_width = width;
  }
  for (const auto& tap : taps) {
    check_tap("model.quantizer.taps", tap, names_of(points), problems);
    if (std::count(taps.begin(), taps.end(), tap) > 1)
      problems.add("model.quantizer.taps", "'" + tap + "' is named twice");
  }
  for (const auto& tap : shared_with)
    if (!listed(taps, tap))
      problems.add("model.quantizer.shared_with", "'" + tap + "' is not one of model.quantizer.taps");
}

void attach_quantizers(Taps& taps, const QuantizationOptions& options, Streams& random) {
  std::shared_ptr<FeatureQuantizer> shared;
  for (const auto& tap : options.taps) {
    const bool shares = listed(options.shared_with, tap);
    const auto quantizer =
        shares && shared ? shared : std::make_shared<FeatureQuantizer>(taps.channels(tap), options, random);
    if (shares) shared = quantizer;
    taps.attach(tap, quantizer);
  }
}

}  // namespace fqgan
