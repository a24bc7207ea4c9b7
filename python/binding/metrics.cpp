// Metrics of features that Python computed; python/fqgan/metrics.py is their public face.
#include <torch/torch.h>

#include <map>
#include <optional>
#include <string>

#include "fqgan/core/options.h"
#include "fqgan/metrics/evaluate.h"
#include "fqgan/metrics/frechet.h"
#include "fqgan/metrics/named_features.h"
#include "fqgan/metrics/neighbours.h"
#include "fqgan/metrics/statistics_file.h"
#include "python/binding/bindings.h"

namespace py = pybind11;

namespace fqgan {
namespace {

using MetricValues = std::map<std::string, double>;

Measured side(const std::string& name, const torch::Tensor& features, const std::optional<torch::Tensor>& logits,
              const FeatureExtractor& extractor) {
  Measured measured;
  measured.name = name;
  measured.extractor = extractor.name();
  measured.moments.add(features);
  measured.images = measured.moments.count();
  measured.features = features.to(torch::kCPU, torch::kFloat).contiguous();
  if (logits) measured.logits = logits->to(torch::kCPU, torch::kFloat).contiguous();
  return measured;
}

template <class T>
T options_of(const std::string& toml) {
  T options;
  read_options(RecipeText::from_string(toml, "options"), options);
  return options;
}

MetricValues evaluate_features(const torch::Tensor& generated, const torch::Tensor& against,
                               const std::vector<std::string>& names, const std::string& extractor,
                               const std::optional<torch::Tensor>& logits, const std::string& options,
                               const std::optional<torch::Tensor>& training) {
  const auto settings = options_of<MetricOptions>(options);
  for (const auto& name : names) metric_named(name, "metrics");
  const NamedFeatures features(extractor);
  MetricValues values;
  const auto a = side("generated", generated, logits, features), b = side("against", against, {}, features);
  std::optional<Measured> learned;
  if (training) learned = side("training", *training, {}, features);
  for (const auto& value : evaluate(a, b, names, features, settings, learned ? &*learned : nullptr).values)
    values[value.name] = value.value;
  return values;
}

using Pair = std::pair<double, double>;

Pair kernel_distance_of(const torch::Tensor& a, const torch::Tensor& b, const std::string& options) {
  const auto [mean, stddev] = kernel_distance(a, b, options_of<KernelDistanceOptions>(options));
  return {mean, stddev};
}

Pair inception_score_of(const torch::Tensor& logits, const std::string& options) {
  const auto [mean, stddev] = inception_score(logits, options_of<InceptionScoreOptions>(options));
  return {mean, stddev};
}

void bind_moments(py::module_& m) {
  py::class_<Moments>(m, "Moments", "Streaming mean and covariance of features, in float64.")
      .def(py::init<>())
      .def_static("from_covariance", &Moments::from_covariance, py::arg("mean"), py::arg("covariance"),
                  py::arg("count") = py::none(), py::arg("where") = "moments", Released(),
                  "From a mean D and a covariance D x D, of `count` rows or of an unknown number.")
      .def("add", &Moments::add, py::arg("features"), Released(), "Adds features, N x D.")
      .def("merge", &Moments::merge, py::arg("other"), Released(), "Adds all features of other moments.")
      .def("mean", &Moments::mean, Released(), "The mean, D float64.")
      .def("covariance", &Moments::covariance, Released(), "The covariance, D x D float64.")
      .def_property_readonly("count", &Moments::count, "The number of features; None: unknown.")
      .def_property_readonly("dimension", &Moments::dimension);
  m.def("frechet_distance", py::overload_cast<const Moments&, const Moments&>(&frechet_distance), py::arg("a"),
        py::arg("b"), Released());
}

void bind_estimators(py::module_& m) {
  m.def("kernel_distance", &kernel_distance_of, py::arg("a"), py::arg("b"), py::arg("options") = "", Released(),
        "KID: mean and standard deviation over subsets. options: TOML text.");
  m.def("inception_score", &inception_score_of, py::arg("logits"), py::arg("options") = "", Released(),
        "Mean and standard deviation over splits. options: TOML text.");
  py::class_<NeighbourCounts>(m, "NeighbourCounts")
      .def_property_readonly("precision", &NeighbourCounts::precision)
      .def_property_readonly("recall", &NeighbourCounts::recall)
      .def_property_readonly("density", &NeighbourCounts::density)
      .def_property_readonly("coverage", &NeighbourCounts::coverage);
  m.def(
      "neighbour_counts",
      [](const torch::Tensor& real, const torch::Tensor& fake, int64_t neighbours, bool strict) {
        return neighbour_counts(real, fake, {neighbours, strict});
      },
      py::arg("real"), py::arg("fake"), py::arg("neighbours"), py::arg("strict"), Released(),
      "Precision, recall, density and coverage. strict: inside a ball is distance < radius, else <=.");
}

}  // namespace

void bind_metrics(py::module_& m) {
  bind_moments(m);
  bind_estimators(m);
  m.def("evaluate", &evaluate_features, py::arg("generated"), py::arg("against"), py::arg("metrics"), py::kw_only(),
        py::arg("extractor") = "features", py::arg("logits") = py::none(), py::arg("options") = "",
        py::arg("training") = py::none(), Released(),
        "Computes metrics of features, N x D; returns their values by full name. logits: N x classes, of the generated "
        "images; options: settings of the metrics as TOML text; training: features of the training images, for auth, "
        "c_t and copied.");
}

}  // namespace fqgan
