// fqgan train RECIPE | --resume RUN
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/experiment/assembly.h"
#include "fqgan/experiment/observers.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/model.h"
#include "fqgan/models/weights.h"
#include "fqgan/run/run_lock.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  std::string recipe, data, out, from, resume;
  std::vector<std::string> set;
  bool dry_run = false;
};

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

std::unique_ptr<Recipe> recipe_from_file(const TrainFlags& flags) {
  auto text = RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto recipe = read_recipe(text);
  if (!flags.data.empty()) recipe->data.path = flags.data;
  if (recipe->data.path.value_or("").empty())
    fail("data.path", "expected a path to the data, got none. Hint: use --data PATH");
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

int train_new(const TrainFlags& flags) {
  const auto parts = assemble(recipe_from_file(flags), flags.dry_run ? InitialWeights::zero : InitialWeights::drawn);
  if (!flags.from.empty()) {
    const auto [path, checkpoint] = open_checkpoint(flags.from);
    require_current_layout(checkpoint, path);
    load_weights(*parts.family, checkpoint.tensors, flags.from);
  }
  if (flags.dry_run) {
    log_info("dry run: nothing was written");
    return 0;
  }
  if (parts.evaluator) parts.evaluator->prepare();
  const auto folder = RunFolder::create(free_run_path(flags));
  const RunLock lock(folder.path());
  if (RunFolder::is_run(folder.path()))
    fail(folder.path().string(), "another training has just started in this folder");
  write_file_atomically(folder.recipe(), write_options(*parts.recipe));
  auto options = loop_options(parts, folder);
  options.fine_tune = !flags.from.empty();
  Loop loop(*parts.family, parts.sets->by_name(), std::move(options));
  return run_training(parts, folder, loop);
}

/// Nothing in the folder is changed before its checkpoint has been accepted.
int resume(const TrainFlags& flags) {
  const auto folder = RunFolder::open(flags.resume);
  const RunLock lock(folder.path());
  const auto found = newest_checkpoint(folder);
  if (found) require_current_layout(found->checkpoint, found->path);
  const auto parts = assemble(recipe_of_run(folder, flags), found ? InitialWeights::zero : InitialWeights::drawn);
  const auto metadata = found ? found->checkpoint.metadata : std::map<std::string, std::string>{};
  Loop loop(*parts.family, parts.sets->by_name(), loop_options(parts, folder));
  if (found) {
    loop.restore(found->checkpoint);
    if (text_of(metadata, "data_key", found->path) != parts.sets->train().key())
      log_warning("the data has changed since the run began: training continues, but not to the same bits");
  }
  if (flags.dry_run) {
    log_info("dry run: would continue from iteration " + std::to_string(loop.at().iteration) + "; nothing was written");
    return 0;
  }
  if (parts.evaluator) parts.evaluator->prepare();
  folder.rewind(RunRecorder::offsets(metadata), found ? loop.at().iteration : -1);
  write_file_atomically(folder.recipe(), write_options(*parts.recipe));
  return run_training(parts, folder, loop);
}

}  // namespace

void add_train(CLI::App& program, Action& action) {
  auto flags = std::make_shared<TrainFlags>();
  auto* command = program.add_subcommand("train", "train a model from a recipe, or continue a run");
  auto* recipe = command->add_option("recipe", flags->recipe, "recipe file (TOML)");
  command->add_option("--data", flags->data, "images: IDX file or folder, image folder, class folders, zip");
  command->add_option("--out", flags->out, "run folder; default: runs/<recipe>");
  command->add_option("--from", flags->from, "fine-tune: start from this checkpoint's weights, with fresh optimizers");
  auto* resume_flag = command->add_option("--resume", flags->resume, "continue the run in this folder");
  add_set_flag(*command, flags->set, "override an option: --set model.quantizer.codes=512 (repeatable)");
  command->add_flag("--dry-run", flags->dry_run, "check recipe, data and networks; write nothing");
  resume_flag->excludes(recipe);
  command->callback([flags, &action] {
    if (flags->recipe.empty() == flags->resume.empty())
      fail("train", "expected a recipe file or --resume RUN. Hint: " + command_line({"train", "--help"}));
    if (!flags->resume.empty() && !(flags->data.empty() && flags->out.empty() && flags->from.empty()))
      fail("train", "expected --resume without --data, --out and --from: the run has its own data and folder");
    action = [flags] { return flags->resume.empty() ? train_new(*flags) : resume(*flags); };
  });
}

}  // namespace fqgan
