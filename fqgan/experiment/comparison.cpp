#include "fqgan/experiment/comparison.h"

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/named_features.h"

namespace fqgan {
namespace {

Side open_images(const std::string& path, const DataOptions& data, const Numerics& numerics) {
  auto named = look_at_side(path);
  if (named.checkpoint)
    fail(path, "expected images or saved statistics, got a run or checkpoint. Hint: fqgan evaluate measures it");
  return open_side(std::move(named), data, {}, numerics, true);
}

}  // namespace

DataOptions measured_data(DataOptions data, const FeatureRequest& request) {
  data.strict = true;
  const auto& ours = conventions().front().name;
  if (request.convention.value_or(ours) != ours) data.alpha = "drop";
  return data;
}

std::unique_ptr<FeatureExtractor> open_features_between(const Side& a, const Side* b,
                                                        const std::optional<FeatureRequest>& request,
                                                        OpenedData* labelled, torch::Device device) {
  if (!request && b && a.facts.statistics_only && b->facts.statistics_only) {
    const auto &first = a.facts.extractor, &second = b->facts.extractor;
    return std::make_unique<NamedFeatures>(!first.empty() ? first : !second.empty() ? second : "unknown");
  }
  return open_features(resolved(request.value_or(FeatureRequest()), labelled != nullptr), labelled, device);
}

Evaluation compare(const Comparison& comparison, const Numerics& numerics) {
  const auto& names = comparison.metrics;
  const auto& settings = comparison.settings;
  if (!comparison.against && compare_sides(names))
    fail("metrics", "expected a second side for the metrics " + quoted_list(names) + ", got none");
  const auto data = measured_data({}, comparison.features.value_or(FeatureRequest()));
  const auto a = open_images(comparison.generated, data, numerics);
  std::optional<Side> b;
  if (comparison.against) b = open_images(*comparison.against, data, numerics);
  const auto& facts = b ? b->facts : a.facts;
  check_sides(names, a.facts, facts, comparison.features.value_or(FeatureRequest()).convention.value_or(""), settings);
  const auto extractor = open_features_between(a, b ? &*b : nullptr, comparison.features, nullptr, numerics.device);
  check_metrics(names, a.facts, facts, *extractor, settings);
  const auto generated = a.measure(*extractor, kept_of_generated(names, settings));
  const auto against = b ? b->measure(*extractor, kept_of_real(names, settings)) : generated;
  return evaluate(generated, against, names, *extractor, settings);
}

}  // namespace fqgan
