// fqgan._core: Python bindings of the C++ library: a generator from a checkpoint, a training in this process, and the
// metrics of metrics.cpp.
#include <torch/torch.h>

#include <optional>
#include <string>

#include "fqgan/core/error.h"
#include "fqgan/experiment/assembly.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/latent_sampler.h"
#include "fqgan/inference/model.h"
#include "fqgan/training/loop.h"
#include "python/binding/bindings.h"

namespace py = pybind11;

namespace fqgan {
namespace {

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
  fqgan::bind_images(m);
  fqgan::bind_training(m);
}
