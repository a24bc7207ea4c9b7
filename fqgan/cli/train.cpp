// fqgan train RECIPE | --resume RUN
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/cli/checkpoints.h"
#include "fqgan/cli/evaluation.h"
#include "fqgan/cli/observers.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/recipe.h"
#include "fqgan/cli/signals.h"
#include "fqgan/cli/step_memory.h"
#include "fqgan/cli/training_sets.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/models/weights.h"
#include "fqgan/run/run_lock.h"
#include "fqgan/sampling/model.h"
#include "fqgan/training/loop.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  std::string recipe, data, out, from, resume;
  std::vector<std::string> set;
  bool dry_run = false;
};

std::string plural(int64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : one.ends_with("s") ? "es" : "s");
}

/// On resume --set may change length, cadence, device and threads (the last two with a warning about the bits).
std::unique_ptr<Recipe> recipe_of_run(const RunFolder& run, const TrainFlags& flags) {
  auto text = RecipeText::from_file(run.recipe());
  const auto before = read_recipe(text);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto after = read_recipe(text);
  const auto described = describe_options(*after);
  for (const auto& key : changed_fields(*before, *after)) {
    const auto field = std::find_if(described.begin(), described.end(), [&](const auto& f) { return f.key == key; });
    if (field != described.end() && field->resumable) continue;
    fail("--set", "'" + key +
                      "' cannot be changed on --resume (only length, cadence, device and threads can). "
                      "Hint: fine-tune a new run with --from");
  }
  return after;
}

/// Recipes and checkpoints are UTF-8: what is not would be noticed at the first save only.
void refuse_bad_text(const std::string& key, const std::vector<std::string>& texts) {
  for (const auto& text : texts) try {
      (void)nlohmann::json(text).dump();
    } catch (const nlohmann::json::type_error&) {
      fail(key, "expected names in UTF-8, got '" + text + "'. Hint: rename the file or folder");
    }
}

std::unique_ptr<Recipe> recipe_from_file(const TrainFlags& flags) {
  auto text = RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto recipe = read_recipe(text);
  if (!flags.data.empty()) recipe->data.path = flags.data;
  if (recipe->data.path.value_or("").empty()) fail("data.path", "the recipe names no data. Hint: --data PATH");
  refuse_bad_text("data.path", {*recipe->data.path});
  // A resume may start elsewhere.
  const auto absolute = [](const std::string& path) { return fs::absolute(path).lexically_normal().string(); };
  recipe->data.path = absolute(*recipe->data.path);
  auto& evaluation = recipe->evaluation;
  if (evaluation.against) evaluation.against = absolute(*evaluation.against);
  if (evaluation.features != "classifier") evaluation.features = absolute(evaluation.features);
  refuse_bad_text("evaluation", {evaluation.features, evaluation.against.value_or("")});
  return recipe;
}

/// runs/<recipe's name>, runs/<recipe's name>-2, ...
fs::path free_run_path(const TrainFlags& flags) {
  if (!flags.out.empty()) return flags.out;
  const auto base = fs::path("runs") / fs::path(flags.recipe).stem();
  auto path = base;
  for (int64_t n = 2; fs::exists(path); ++n) path = base.string() + "-" + std::to_string(n);
  return path;
}

void describe(const Recipe& recipe, const DataInfo& data, const Family& family) {
  log_info("data: " + plural(data.images, "image") + " of " + std::to_string(data.channels) + " x " +
           std::to_string(data.height) + " x " + std::to_string(data.width) +
           (data.classes ? ", " + plural(data.classes, "class") : ", no classes"));
  for (const auto& [name, network] : family.networks) {
    int64_t parameters = 0;
    for (const auto& parameter : network->parameters()) parameters += parameter.numel();
    log_info(name + ": " + plural(parameters, "parameter"));
  }
  log_info("computing on " + recipe.compute.device + " in " + recipe.compute.precision + " with " +
           plural(at::get_num_threads(), "thread"));
}

/// What a training works on.
struct Parts {
  std::unique_ptr<Recipe> recipe;
  std::unique_ptr<TrainingSets> sets;
  std::unique_ptr<Family> family;
  std::unique_ptr<TrainingRuler> ruler;  // null: without evaluation
};

Parts assemble(std::unique_ptr<Recipe> recipe) {
  const auto numerics = start_computing(recipe->compute);
  recipe->compute.threads = at::get_num_threads();  // the bits depend on both: a resume elsewhere keeps them
  recipe->compute.precision = precision_of(numerics);
  auto sets = std::make_unique<TrainingSets>(*recipe);
  const auto& info = sets->train().info();
  const auto infos = sets->infos();
  refuse_bad_text("data.class_names", info.class_names);
  tell_memory(*recipe, infos, sets->by_name(), numerics);
  auto family = recipe->model->build(infos, numerics, static_cast<uint64_t>(recipe->seed));
  describe(*recipe, info, *family);
  std::unique_ptr<TrainingRuler> ruler;
  if (recipe->evaluation.every > 0) ruler = std::make_unique<TrainingRuler>(*recipe, sets->opened(), info, *family);
  return {std::move(recipe), std::move(sets), std::move(family), std::move(ruler)};
}

/// The data as the networks see it: an unconditional model that does not classify knows no classes.
DataInfos seen_data(const Parts& parts) {
  auto infos = parts.sets->infos();
  if (parts.family->classifies) return infos;
  for (auto& [name, info] : infos) info = drawn_data(*parts.family, info);
  return infos;
}

LoopOptions loop_options(const Parts& parts, const RunFolder& folder) {
  const auto& recipe = *parts.recipe;
  LoopOptions options;
  options.training = recipe.training;
  options.seed = static_cast<uint64_t>(recipe.seed);
  options.flip = recipe.data.flip;
  options.evaluate_every = recipe.evaluation.every;
  options.metadata = model_metadata(recipe.family, *recipe.model, seen_data(parts), options.seed);
  options.metadata["recipe"] = write_options(*parts.recipe);
  options.metadata["data_key"] = parts.sets->train().key();
  options.metadata["fqgan"] = FQGAN_VERSION;
  options.checkpoint_path = [folder](int64_t step) { return folder.checkpoint(step).string(); };
  options.interrupted = caught_signal;
  return options;
}

int run(const Parts& parts, const RunFolder& folder, Loop& loop) {
  RunRecorder recorder(folder);
  SampleGrids grids(folder, drawn_data(*parts.family, parts.sets->train().info()),
                    static_cast<uint64_t>(parts.recipe->seed), recorder.events());
  CheckpointKeeper keeper(folder, parts.recipe->training.keep_checkpoints);
  EvaluationRecorder evaluations(folder, parts.ruler.get(), recorder.events(), [&loop] { return loop.checkpoint(); });
  const auto bar = progress_bar();
  catch_signals();
  const int signal = loop.run({&recorder, &grids, &keeper, bar.get(), &evaluations});
  const auto samples = folder.sample_grids();
  log_info("run folder: " + folder.path().string());
  if (!samples.empty()) log_info("samples: " + samples.back().string());
  if (!signal) return 0;
  log_info("saved and stopped. Go on with: fqgan train --resume " + folder.path().string());
  return 128 + signal;
}

int train_new(const TrainFlags& flags) {
  const auto parts = assemble(recipe_from_file(flags));
  if (!flags.from.empty()) load_weights(*parts.family, open_checkpoint(flags.from).checkpoint.tensors, flags.from);
  if (flags.dry_run) {
    log_info("dry run: nothing was written");
    return 0;
  }
  if (parts.ruler) parts.ruler->prepare();
  const auto folder = RunFolder::create(free_run_path(flags));
  const RunLock lock(folder.path());
  if (RunFolder::is_run(folder.path()))
    fail(folder.path().string(), "another training has just started in this folder");
  write_file_atomically(folder.recipe(), write_options(*parts.recipe));
  auto options = loop_options(parts, folder);
  options.fine_tune = !flags.from.empty();
  Loop loop(*parts.family, parts.sets->by_name(), std::move(options));
  return run(parts, folder, loop);
}

/// Nothing in the folder is changed before its checkpoint has been accepted.
int resume(const TrainFlags& flags) {
  const auto folder = RunFolder::open(flags.resume);
  const RunLock lock(folder.path());
  const auto parts = assemble(recipe_of_run(folder, flags));
  const auto found = newest_checkpoint(folder);
  const auto metadata = found ? found->checkpoint.metadata : std::map<std::string, std::string>{};
  Loop loop(*parts.family, parts.sets->by_name(), loop_options(parts, folder));
  if (found) {
    loop.restore(found->checkpoint);
    if (text_of(metadata, "data_key", found->path) != parts.sets->train().key())
      log_warning("the data has changed since the run began: it goes on, but not to the same bits");
  }
  if (flags.dry_run) {
    log_info("dry run: would go on from iteration " + std::to_string(loop.at().iteration) + "; nothing was written");
    return 0;
  }
  if (parts.ruler) parts.ruler->prepare();
  folder.rewind(RunRecorder::offsets(metadata), found ? loop.at().iteration : -1);
  write_file_atomically(folder.recipe(), write_options(*parts.recipe));
  return run(parts, folder, loop);
}

}  // namespace

void add_train(CLI::App& program, Action& action) {
  auto flags = std::make_shared<TrainFlags>();
  auto* command = program.add_subcommand("train", "train a model from a recipe, or go on with a run");
  auto* recipe = command->add_option("recipe", flags->recipe, "recipe file (TOML)");
  command->add_option("--data", flags->data, "images: IDX file or folder, image folder, class folders, zip");
  command->add_option("--out", flags->out, "run folder; default: runs/<recipe>");
  command->add_option("--from", flags->from, "fine-tune: start from this checkpoint's weights, with fresh optimizers");
  auto* resume_flag = command->add_option("--resume", flags->resume, "go on with this run folder");
  command->add_option("--set", flags->set, "override an option: --set model.quantizer.codes=512 (repeatable)")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_flag("--dry-run", flags->dry_run, "check recipe, data and networks; write nothing");
  resume_flag->excludes(recipe);
  command->callback([flags, &action] {
    if (flags->recipe.empty() == flags->resume.empty())
      throw CLI::ValidationError("train", "expected a recipe file or --resume RUN");
    if (!flags->resume.empty() && !(flags->data.empty() && flags->out.empty() && flags->from.empty()))
      throw CLI::ValidationError("train",
                                 "--resume takes its data and folder from the run; --data, --out and --from do "
                                 "not go with it");
    action = [flags] { return flags->resume.empty() ? train_new(*flags) : resume(*flags); };
  });
}

}  // namespace fqgan
