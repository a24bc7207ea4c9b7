#include "fqgan/cli/evaluate_metrics.h"

#include <algorithm>

#include "fqgan/cli/evaluate_output.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

/// Why the metric cannot be measured between these sides; empty: it can.
std::string obstacle(const std::string& metric, const Sides& sides, const FeatureExtractor& extractor) {
  try {
    check_metrics({metric}, sides.a.facts, sides.facts_against(), extractor, sides.settings, sides.training_facts());
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

/// The default metrics: fid, kid if there are enough images, accuracy if the extractor knows the classes, and copied if
/// there are training images.
std::vector<std::string> default_metrics(const Sides& sides, const FeatureExtractor& extractor) {
  std::vector<std::string> names = {"fid"};
  if (sides.a.facts.statistics_only || sides.b->facts.statistics_only) return names;
  const auto add = [&](const std::string& name) {
    const auto reason = obstacle(name, sides, extractor);
    if (reason.empty())
      names.push_back(name);
    else
      log_detail("without " + name + ": " + reason);
  };
  add("kid");
  if (!sides.a.facts.class_names.empty() && !extractor.class_names().empty()) add("accuracy");
  if (sides.training) add("copied");
  return names;
}

/// What --metrics asks for (`asked`), else those metrics of the recipe that can be measured between these sides, else
/// the default.
std::vector<std::string> chosen_metrics(std::vector<std::string> names, bool asked, const Sides& sides,
                                        const FeatureExtractor& extractor) {
  if (names.empty()) return default_metrics(sides, extractor);
  if (asked) return names;
  std::erase_if(names, [&](const auto& name) {
    const auto reason = obstacle(name, sides, extractor);
    if (!reason.empty()) log_info("without " + name + ": " + reason);
    return !reason.empty();
  });
  if (names.empty())
    fail("--metrics",
         "expected a metric that can be measured between these images, the run's recipe has none. Hint: name others");
  return names;
}

/// In the form of torch-fidelity, only its metrics can be printed.
void leave_out_others(std::vector<std::string>& names, bool asked) {
  for (const auto& name : names)
    if (asked && !in_torch_fidelity(name))
      fail("--json=torch-fidelity", "expected metrics that torch-fidelity prints (fid, kid, is, pr), got '" + name +
                                        "'. Hint: --json prints every metric");
  std::erase_if(names, [](const auto& name) { return !in_torch_fidelity(name); });
  if (names.empty())
    fail("--json=torch-fidelity",
         "expected a metric that torch-fidelity prints, the run's recipe has none. Hint: "
         "--metrics fid");
}

bool has_copied(const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), "copied") != names.end();
}

}  // namespace

std::vector<std::string> checked_metrics(const EvaluateFlags& flags, std::vector<std::string> asked, const Sides& sides,
                                         const FeatureExtractor& extractor) {
  const bool by_flag = flags.given("--metrics");
  auto names = chosen_metrics(std::move(asked), by_flag, sides, extractor);
  if (!flags.neighbours.empty() && !has_copied(names)) names.emplace_back("copied");
  if (!flags.training.empty() && !need_training(names))
    fail("--training", "expected a metric that compares with the training images, got " + quoted_list(names) +
                           ", so that this has no effect. Hint: --metrics auth,c_t,copied");
  if (flags.json == json_of_torch_fidelity) leave_out_others(names, by_flag);
  refuse_other_settings(flags.set, names);
  check_metrics(names, sides.a.facts, sides.facts_against(), extractor, sides.settings, sides.training_facts());
  return names;
}

}  // namespace fqgan
