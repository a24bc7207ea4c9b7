#include "fqgan/cli/evaluate_output.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fqgan/core/text.h"

namespace fqgan {
namespace {

/// Our value, and torch-fidelity's key for it.
constexpr std::pair<const char*, const char*> torch_fidelity_keys[] = {{"inception_score", "inception_score_mean"},
                                                                       {"inception_score_std", "inception_score_std"},
                                                                       {"fid", "frechet_inception_distance"},
                                                                       {"kid", "kernel_inception_distance_mean"},
                                                                       {"kid_std", "kernel_inception_distance_std"},
                                                                       {"precision", "precision"},
                                                                       {"recall", "recall"}};

nlohmann::ordered_json count_json(const std::optional<int64_t>& images) {
  return images ? nlohmann::ordered_json(*images) : nlohmann::ordered_json();
}

/// The name of a value without settings and extractor.
std::string plain_value_name(const std::string& name) { return name.substr(0, name.find_first_of("[/")); }

/// What the value `name` was measured against: " against 10000", " against 60000 training images".
std::string images_against(const std::string& name, const MeasuredSides& sides) {
  const auto plain = plain_value_name(name);
  for (const auto& metric : metrics())
    if (metric.needs_training && (plain == metric.value_name || plain.starts_with(metric.value_name + "_")))
      return " against " + count_text(sides.training->images) + " training images";
  return sides.b ? " against " + count_text(sides.b->images) : "";
}

/// "  (60 images against 60)"; empty for a value of one class ("metric/extractor/class"), which has fewer images.
std::string scope_text(const std::string& name, const MeasuredSides& sides) {
  if (std::count(name.begin(), name.end(), '/') > 1) return "";
  return "  (" + images_text(sides.a.images) + images_against(name, sides) + ")";
}

}  // namespace

std::string speed_line(const Measured& measured, const FeatureExtractor& extractor, double operations) {
  if (measured.seconds == 0) return "";
  const double rate = static_cast<double>(measured.images.value_or(0)) / measured.seconds;
  auto line = measured.name + ": features of " + count_text(measured.images) + " images in " +
              significant(measured.seconds, 3) + " s, " + significant(rate, 3) + " images/s";
  if (extractor.operations() > 0)
    line += ", " + significant(rate * extractor.operations() / 1e9, 3) +
            " GFLOP/s by the sizes of its layers; large matrix products reach " + significant(operations / 1e9, 3) +
            " GFLOP/s";
  return line;
}

std::string evaluation_lines(const MeasuredSides& sides, const Evaluation& evaluation) {
  size_t width = 0;
  for (const auto& [name, value] : evaluation.values) width = std::max(width, name.size());
  std::string lines;
  for (const auto& [name, value] : evaluation.values)
    lines += name + std::string(width + 2 - name.size(), ' ') + significant(value, 6) + scope_text(name, sides) + "\n";
  return lines;
}

std::string evaluation_json(const MeasuredSides& sides, const Evaluation& evaluation) {
  const auto& [a, b, training, extractor] = sides;
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
  for (const auto& [name, value] : evaluation.values) metrics[name] = value;
  nlohmann::ordered_json document = {
      {"generated", a.name},
      {"against", b ? nlohmann::ordered_json(b->name) : nlohmann::ordered_json()},
      {"counts", {{"generated", count_json(a.images)}, {"against", count_json(b ? b->images : std::nullopt)}}},
      {"features",
       {{"name", extractor.name()}, {"description", extractor.description()}, {"dimension", a.moments.dimension()}}},
      {"metrics", metrics},
      {"warnings", evaluation.warnings}};
  if (evaluation.copies) document["copies"] = verdict(*evaluation.copies);
  if (training) {
    document["training"] = training->name;
    document["counts"]["training"] = count_json(training->images);
  }
  return document.dump(2) + "\n";
}

bool in_torch_fidelity(const std::string& metric) {
  const auto& value = metric_named(metric, "--metrics").value_name;
  return std::any_of(std::begin(torch_fidelity_keys), std::end(torch_fidelity_keys),
                     [&](const auto& pair) { return pair.first == value; });
}

std::string torch_fidelity_json(const Evaluation& evaluation) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : evaluation.values) values[plain_value_name(name)] = value;
  nlohmann::ordered_json document = nlohmann::ordered_json::object();
  for (const auto& [ours, theirs] : torch_fidelity_keys)
    if (values.contains(ours)) document[theirs] = values.at(ours);
  if (values.contains("precision")) {
    const double precision = values.at("precision"), recall = values.at("recall");
    document["f_score"] = 2 * precision * recall / std::max(1e-5, precision + recall);
  }
  return document.dump(4) + "\n";
}

}  // namespace fqgan
