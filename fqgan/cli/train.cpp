// fqgan train RECIPE | --resume RUN
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "fqgan/cli/checkpoints.h"
#include "fqgan/cli/observers.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/recipe.h"
#include "fqgan/cli/signals.h"
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

void refuse(const Problems& problems) {
  if (problems.lines.empty()) return;
  for (size_t i = 0; i + 1 < problems.lines.size(); ++i) log_error(problems.lines[i]);
  throw UserError(problems.lines.back());
}

/// On resume --set may change length and cadence only: everything else is what the bits depend on.
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
                      "' cannot be changed on --resume (only length and cadence can). "
                      "Hint: fine-tune a new run with --from");
  }
  return after;
}

std::unique_ptr<Recipe> recipe_from_file(const TrainFlags& flags) {
  auto text = RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto recipe = read_recipe(text);
  if (!flags.data.empty()) recipe->data.path = flags.data;
  if (!recipe->data.path) fail("data.path", "the recipe names no data. Hint: --data PATH");
  recipe->data.path = fs::absolute(*recipe->data.path).lexically_normal();  // a resume may start elsewhere
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

class Training {
 public:
  Training(std::unique_ptr<Recipe> recipe, RunFolder folder)
      : recipe_(std::move(recipe)), run_(std::move(folder)), lock_(run_.path()) {}

  int run(Family& family, const Dataset& dataset, const Checkpoint* resumed) {
    RunRecorder recorder(run_);
    SampleGrids grids(run_, dataset.info(), static_cast<uint64_t>(recipe_->seed), recorder.events());
    CheckpointKeeper keeper(run_, recipe_->training.keep_checkpoints);
    const auto bar = progress_bar();
    Loop loop(family, {{"train", &dataset}}, loop_options(dataset), {&recorder, &grids, &keeper, bar.get()});
    if (resumed) loop.restore(*resumed);
    catch_signals();
    const int signal = loop.run();
    const auto samples = run_.sample_grids();
    log_info("run folder: " + run_.path().string());
    if (!samples.empty()) log_info("samples: " + samples.back().string());
    if (!signal) return 0;
    log_info("saved and stopped. Go on with: fqgan train --resume " + run_.path().string());
    return 128 + signal;
  }

 private:
  LoopOptions loop_options(const Dataset& dataset) {
    LoopOptions options;
    options.training = recipe_->training;
    options.seed = static_cast<uint64_t>(recipe_->seed);
    options.flip = recipe_->data.flip;
    options.metadata = model_metadata(recipe_->family, *recipe_->model, dataset.info(), options.seed);
    options.metadata["recipe"] = write_options(*recipe_);
    options.metadata["data_key"] = dataset.key();
    options.metadata["fqgan"] = FQGAN_VERSION;
    options.checkpoint_path = [this](int64_t step) { return run_.checkpoint(step).string(); };
    options.interrupted = caught_signal;
    return options;
  }

  std::unique_ptr<Recipe> recipe_;
  RunFolder run_;
  RunLock lock_;
};

int train_new(const TrainFlags& flags) {
  auto recipe = recipe_from_file(flags);
  const auto numerics = start_computing(recipe->compute);
  const auto dataset = open_dataset(recipe->data);
  Problems problems;
  recipe->model->check(dataset->info(), problems);
  refuse(problems);
  const auto family = recipe->model->build(dataset->info(), numerics, static_cast<uint64_t>(recipe->seed));
  if (!flags.from.empty()) load_weights(*family, open_checkpoint(flags.from).checkpoint.tensors, flags.from);
  describe(*recipe, dataset->info(), *family);
  if (flags.dry_run) {
    log_info("dry run: nothing was written");
    return 0;
  }
  auto folder = RunFolder::create(free_run_path(flags));
  write_file_atomically(folder.recipe(), write_options(*recipe));
  return Training(std::move(recipe), folder).run(*family, *dataset, nullptr);
}

int resume(const TrainFlags& flags) {
  auto folder = RunFolder::open(flags.resume);
  auto recipe = recipe_of_run(folder, flags);
  const auto numerics = start_computing(recipe->compute);
  const auto dataset = open_dataset(recipe->data);
  const auto family = recipe->model->build(dataset->info(), numerics, static_cast<uint64_t>(recipe->seed));
  describe(*recipe, dataset->info(), *family);
  const auto text = write_options(*recipe);
  Training training(std::move(recipe), folder);  // takes the lock before anything is changed
  const auto found = newest_checkpoint(folder);
  const auto* checkpoint = found ? &found->checkpoint : nullptr;
  const auto metadata = checkpoint ? checkpoint->metadata : std::map<std::string, std::string>{};
  if (checkpoint && metadata.at("data_key") != dataset->key())
    log_warning("the data has changed since the run began: it goes on, but not to the same bits");
  const auto step = checkpoint ? std::stoll(metadata.at("iteration")) : -1;
  if (flags.dry_run) {
    log_info("dry run: would go on from iteration " + std::to_string(std::max(step, 0LL)) + "; nothing was written");
    return 0;
  }
  folder.rewind(RunRecorder::offsets(metadata), step);
  write_file_atomically(folder.recipe(), text);
  return training.run(*family, *dataset, checkpoint);
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
