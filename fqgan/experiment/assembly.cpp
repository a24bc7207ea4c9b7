#include "fqgan/experiment/assembly.h"

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/signals.h"
#include "fqgan/core/text.h"
#include "fqgan/data/fit_report.h"
#include "fqgan/experiment/observers.h"
#include "fqgan/experiment/step_estimate.h"
#include "fqgan/inference/model.h"

namespace fqgan {
namespace {

/// What is done to the images: of "train", else of every set.
void describe_fit(const Recipe& recipe, const DatasetsByName& sets) {
  for (const auto& [name, set] : sets) {
    if (sets.contains("train") && name != "train") continue;
    for (const auto& line : fit_report(set->info(), set->changes(), recipe.data))
      log_info("data: " + (name == "train" ? "" : name + ": ") + line);
  }
}

void describe(const Recipe& recipe, const TrainingSets& sets, const Family& family) {
  const auto& data = sets.train().info();
  log_info("data: " + plural(data.images, "image") + " of " + shape_text(shape_of(data)) +
           (data.classes ? ", " + plural(data.classes, "class") : ", no classes"));
  describe_fit(recipe, sets.by_name());
  for (const auto& [name, network] : family.networks) {
    int64_t parameters = 0;
    for (const auto& parameter : network->parameters()) parameters += parameter.numel();
    log_info(name + ": " + plural(parameters, "parameter"));
  }
  if (family.generator && family.drawn_classes() == 0)
    log_info(std::string("the generator is unconditional, ") +
             (data.classes ? "as the recipe says" : "because the data has no classes"));
  log_info("computing on " + recipe.compute.device + " in " + recipe.compute.precision + " with " +
           plural(at::get_num_threads(), "thread"));
}

/// The data as the networks use it: without classes for an unconditional model that does not classify.
DataInfos seen_data(const TrainingSets& sets, const Family& family) {
  auto infos = sets.infos();
  if (family.classifier) return infos;
  for (auto& [name, info] : infos) info = drawn_data(family, info);
  return infos;
}

}  // namespace

void refuse_bad_text(const std::string& key, const std::vector<std::string>& texts) {
  for (const auto& text : texts)
    if (!is_utf8(text))
      fail(key, "expected names in UTF-8, got '" + printable(text) + "'. Hint: rename the file or folder");
}

Numerics start_computing(Recipe& recipe) {
  const auto numerics = start_computing(recipe.compute);
  recipe.compute.threads = at::get_num_threads();
  recipe.compute.precision = precision_of(numerics);
  return numerics;
}

Assembly assemble(std::unique_ptr<Recipe> recipe, InitialWeights weights, int64_t trained,
                  const std::function<void(const TrainingSets&)>& check) {
  const auto numerics = start_computing(*recipe);
  auto sets = std::make_unique<TrainingSets>(*recipe);
  if (check) check(*sets);
  const auto& info = sets->train().info();
  warn_of_empty_classes(sets->train());
  const auto infos = sets->infos();
  recipe->model->require(infos);
  log_estimate(*recipe, infos, numerics, trained);
  auto family = recipe->model->build(
      infos, numerics,
      weights == InitialWeights::drawn ? std::optional(static_cast<uint64_t>(recipe->seed)) : std::nullopt);
  describe(*recipe, *sets, *family);
  std::unique_ptr<TrainingEvaluator> evaluator;
  if (recipe->evaluation.every > 0)
    evaluator = std::make_unique<TrainingEvaluator>(*recipe, sets->opened(), info, sets->by_name(), *family);
  else if (recipe->evaluation.keep_best)
    log_info("evaluation.every = 0: nothing is measured, so that no best weights are kept");
  return {std::move(recipe), std::move(sets), std::move(family), std::move(evaluator)};
}

LoopOptions loop_options(Recipe& recipe, const TrainingSets& sets, const Family& family) {
  LoopOptions options;
  options.training = recipe.training;
  options.seed = static_cast<uint64_t>(recipe.seed);
  options.flip = recipe.data.flip;
  options.metadata = model_metadata(recipe.family, *recipe.model, seen_data(sets, family), options.seed);
  options.metadata["recipe"] = write_options(recipe);
  options.metadata["data_key"] = sets.train().key();
  options.metadata["fqgan"] = FQGAN_VERSION;
  return options;
}

LoopOptions loop_options(const Assembly& parts, const RunFolder& folder) {
  auto options = loop_options(*parts.recipe, *parts.sets, *parts.family);
  options.evaluate_every = parts.recipe->evaluation.every;
  options.checkpoint_path = [folder](int64_t step) { return folder.checkpoint(step).string(); };
  options.interrupted = caught_signal;
  return options;
}

int run_training(const Assembly& parts, const RunFolder& folder, Loop& loop) {
  RunRecorder recorder(folder);
  SampleGrids grids(folder, drawn_data(*parts.family, parts.sets->train().info()),
                    parts.recipe->samples.sampling(static_cast<uint64_t>(parts.recipe->seed)), parts.sets->by_name(),
                    recorder.events());
  CheckpointKeeper keeper(folder, parts.recipe->training.keep_checkpoints);
  EvaluationRecorder evaluations(folder, parts.evaluator.get(), recorder.events(),
                                 [&loop] { return loop.checkpoint(); });
  const auto bar = progress_bar();
  catch_signals();
  const int signal = loop.run({&recorder, &grids, &keeper, bar.get(), &evaluations});
  const auto samples = folder.sample_grids();
  log_info("run folder: " + folder.path().string());
  if (!samples.empty()) log_info("samples: " + samples.back().string());
  if (!signal) {
    recorder.refuse_divergence();
    return 0;
  }
  log_info("saved and stopped. Resume with: " + command_line({"train", "--resume", folder.path().string()}));
  return 128 + signal;
}

}  // namespace fqgan
