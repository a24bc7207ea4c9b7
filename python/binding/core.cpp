// fqgan._core: Python bindings of the C++ library: a generator from a checkpoint, metrics of features, a training in
// this process. They have no logic of their own; all checks and error messages come from the library.
#include <torch/csrc/utils/pybind.h>
#include <torch/torch.h>

#include <map>
#include <optional>
#include <string>

#include "fqgan/core/error.h"
#include "fqgan/experiment/assembly.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/latent_sampler.h"
#include "fqgan/inference/model.h"
#include "fqgan/metrics/evaluate.h"
#include "fqgan/metrics/frechet.h"
#include "fqgan/training/loop.h"

namespace py = pybind11;

namespace fqgan {
namespace {

using Released = py::call_guard<py::gil_scoped_release>;
using MetricValues = std::map<std::string, double>;

ComputeOptions compute_options(const std::string& precision, std::optional<int64_t> threads) {
  ComputeOptions options;
  options.precision = precision;
  options.threads = threads;
  return options;
}

/// A model and a generator prepared from its weights.
struct LoadedGenerator {
  LoadedGenerator(const std::string& file_or_run, bool raw, const std::string& precision,
                  std::optional<int64_t> threads) {
    const auto [path, checkpoint] = open_checkpoint(file_or_run);
    model = load_model(checkpoint, path, start_computing(compute_options(precision, threads)));
    model.data = drawn_data(*model.family, model.data);
    if (!model.family->generator) fail(path, "expected a family with a generator from latents, got one without");
    generator.emplace(model.family->generator->open(raw ? Weights::raw : Weights::average), model.family->numerics);
  }
  torch::Tensor images(const torch::Tensor& z, const std::optional<torch::Tensor>& labels,
                       std::optional<double> truncation) const {
    return generator->images(z, labels.value_or(torch::Tensor()), truncation);
  }
  Model model;
  std::optional<LatentSampler> generator;
};

/// Stands for the extractor of features that Python computed; only its name is used.
struct NamedFeatures : FeatureExtractor {
  explicit NamedFeatures(std::string name) : given(std::move(name)) {}
  std::string name() const override { return given; }
  std::string description() const override { return given; }
  int64_t channels() const override { return 3; }
  Extracted extract(const at::Tensor&, bool) override { fail("metrics", "given features cannot be extracted again"); }
  std::string given;
};

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

MetricValues evaluate_features(const torch::Tensor& generated, const torch::Tensor& against,
                               const std::vector<std::string>& names, const std::string& extractor,
                               const std::optional<torch::Tensor>& logits, const std::string& options,
                               const std::optional<torch::Tensor>& training) {
  MetricOptions settings;
  read_options(RecipeText::from_string(options, "options"), settings);
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

/// A training in this process, without run folder and evaluation.
struct Training {
  explicit Training(const std::string& toml, const std::vector<std::string>& set) {
    auto text = RecipeText::from_string(toml, "recipe");
    for (const auto& assignment : set) text.set(assignment);
    recipe = read_recipe(text);
    const auto numerics = start_computing(*recipe);
    sets = std::make_unique<TrainingSets>(*recipe);
    family = recipe->model->build(sets->infos(), numerics, static_cast<uint64_t>(recipe->seed));
    loop = std::make_unique<Loop>(*family, sets->by_name(), loop_options(*recipe, *sets, *family));
  }
  int64_t run(int64_t iterations) {
    for (int64_t i = 0; i < iterations; ++i) loop->iterate();
    return loop->at().iteration;
  }
  void save(const std::string& path) const { save_checkpoint(path, loop->checkpoint()); }

  std::unique_ptr<Recipe> recipe;
  std::unique_ptr<TrainingSets> sets;
  std::unique_ptr<Family> family;
  std::unique_ptr<Loop> loop;
};

void bind_generator(py::module_& m) {
  py::class_<LoadedGenerator>(m, "Generator")
      .def(py::init<const std::string&, bool, const std::string&, std::optional<int64_t>>(), py::arg("model"),
           py::kw_only(), py::arg("raw") = false, py::arg("precision") = "float32", py::arg("threads") = py::none(),
           Released(), "Loads a generator from a checkpoint, or from the newest checkpoint of a run folder.")
      .def("images", &LoadedGenerator::images, py::arg("z"), py::arg("labels") = py::none(), py::kw_only(),
           py::arg("truncation") = py::none(), Released(),
           "Generates images. z: N x latent_width; labels: N int64, if there are classes -> N x C x H x W float32 in "
           "[-1, 1].")
      .def_property_readonly("latent_width", [](const LoadedGenerator& g) { return g.generator->space().width; })
      .def_property_readonly("classes", [](const LoadedGenerator& g) { return g.generator->space().classes; })
      .def_property_readonly("class_names", [](const LoadedGenerator& g) { return g.model.data.class_names; })
      .def_property_readonly("family", [](const LoadedGenerator& g) { return g.model.family_name; });
}

void bind_metrics(py::module_& m) {
  py::class_<Moments>(m, "Moments", "Streaming mean and covariance of features, in float64.")
      .def(py::init<>())
      .def("add", &Moments::add, py::arg("features"), Released(), "Adds features, N x D.")
      .def("merge", &Moments::merge, py::arg("other"), Released(), "Adds all features of other moments.")
      .def("mean", &Moments::mean, Released(), "The mean, D float64.")
      .def("covariance", &Moments::covariance, Released(), "The covariance, D x D float64.")
      .def_property_readonly("count", &Moments::count)
      .def_property_readonly("dimension", &Moments::dimension);
  m.def("frechet_distance", py::overload_cast<const Moments&, const Moments&>(&frechet_distance), py::arg("a"),
        py::arg("b"), Released());
  m.def("evaluate", &evaluate_features, py::arg("generated"), py::arg("against"), py::arg("metrics"), py::kw_only(),
        py::arg("extractor") = "features", py::arg("logits") = py::none(), py::arg("options") = "",
        py::arg("training") = py::none(), Released(),
        "Computes metrics of features, N x D; returns their values by full name. logits: N x classes, of the generated "
        "images; options: settings of the metrics as TOML text; training: features of the training images, for auth, "
        "c_t and copied.");
}

void bind_training(py::module_& m) {
  py::class_<Training>(m, "Training")
      .def(py::init<const std::string&, const std::vector<std::string>&>(), py::arg("recipe"),
           py::arg("set") = std::vector<std::string>(), Released(),
           "Prepares the training of a recipe (TOML text), with overrides 'key=value'.")
      .def("run", &Training::run, py::arg("iterations"), Released(),
           "Trains this number of iterations; returns the total number so far.")
      .def("save", &Training::save, py::arg("path"), Released(), "Writes a checkpoint.");
}

}  // namespace
}  // namespace fqgan

PYBIND11_MODULE(_core, m) {
  m.doc() = "Bindings of the fqgan library.";
  py::register_local_exception<fqgan::UserError>(m, "UserError", PyExc_ValueError);
  py::register_local_exception<fqgan::NumericalError>(m, "NumericalError", PyExc_ArithmeticError);
  fqgan::bind_generator(m);
  fqgan::bind_metrics(m);
  fqgan::bind_training(m);
}
