// Metrics of images and of saved statistics, by their paths.
#include <torch/torch.h>

#include <map>
#include <optional>
#include <string>

#include "fqgan/core/log.h"
#include "fqgan/core/options.h"
#include "fqgan/experiment/comparison.h"
#include "fqgan/experiment/compute.h"
#include "python/binding/bindings.h"

namespace py = pybind11;

namespace fqgan {
namespace {

using Texts = std::map<std::string, std::string>;

std::optional<std::string> text_of(const Texts& texts, const std::string& name) {
  const auto found = texts.find(name);
  return found == texts.end() ? std::nullopt : std::optional(found->second);
}

/// While it exists, only warnings are logged: a function of Python has no lines of its own on standard error.
class QuietLog {
 public:
  QuietLog() { set_log_level(LogLevel::quiet); }
  ~QuietLog() { set_log_level(LogLevel::normal); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
};

/// features: what to request of features, weights and convention; empty: nothing.
std::pair<std::vector<std::pair<std::string, double>>, std::vector<std::string>> compare_paths(
    const std::string& generated, const std::optional<std::string>& against, const std::vector<std::string>& names,
    const Texts& features, const std::string& options, const std::string& device) {
  const QuietLog quiet;
  Comparison comparison{generated, against, names};
  if (!features.empty()) {
    FeatureRequest request;
    request.features = text_of(features, "features").value_or(request.features);
    request.weights = text_of(features, "weights");
    request.convention = text_of(features, "convention");
    comparison.features = request;
  }
  read_options(RecipeText::from_string(options, "options"), comparison.settings);
  ComputeOptions compute;
  compute.device = device;
  const auto evaluation = compare(comparison, start_computing(compute));
  std::vector<std::pair<std::string, double>> values;
  for (const auto& value : evaluation.values) values.emplace_back(value.name, value.value);
  return {values, evaluation.warnings};
}

}  // namespace

void bind_images(py::module_& m) {
  m.def("compare", &compare_paths, py::arg("generated"), py::arg("against"), py::arg("metrics"), py::arg("features"),
        py::arg("options"), py::arg("device"), Released(),
        "Computes metrics of images or saved statistics; returns pairs of full name and value, and warnings.");
}

}  // namespace fqgan
