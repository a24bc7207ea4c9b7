// fqgan train RECIPE | --resume RUN
#include <CLI/CLI.hpp>
#include <filesystem>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/experiment/assembly.h"
#include "fqgan/experiment/observers.h"
#include "fqgan/experiment/resume.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/model.h"
#include "fqgan/metrics/features.h"
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

std::unique_ptr<Recipe> recipe_from_file(const TrainFlags& flags) {
  auto text = RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto recipe = read_recipe(text);
  for (const auto& assignment : flags.set)
    if (!flags.data.empty() && assigned_key(assignment) == "data.path")
      fail("data.path", "expected the images from --data or from --set data.path, got both. Hint: leave one out");
  const auto data = flags.data.empty() ? recipe->data.path.value_or("") : flags.data;
  if (data.empty()) fail("data.path", "expected a path to the data, got none. Hint: use --data PATH");
  read_data_from(*recipe, data);
  refuse_bad_text("evaluation", {recipe->evaluation.features, recipe->evaluation.against.value_or("")});
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

/// A run inside its own data would add its sample grids to the images of the next training.
void refuse_run_in_data(const fs::path& run, const fs::path& data) {
  if (!fs::is_directory(data) || !lies_in(run, data)) return;
  fail("--out", "expected a run folder outside the data, got '" + run.string() + "' inside '" + data.string() +
                    "', where its pictures would be taken for images. Hint: choose another --out");
}

/// Why the model's tensors may not fit: other images are named, because the tensors only show other shapes.
Misfit misfit_of(const DataInfo& before, const DataInfo& now) {
  if (shape_of(before) == shape_of(now)) return {};
  return {"expected a model of images of " + shape_text(shape_of(now)) + ", as the data, got one of " +
              shape_text(shape_of(before)),
          "--set data.channels=" + std::to_string(before.channels) +
              " --set data.resolution=" + std::to_string(before.height) +
              (before.width == before.height ? "" : " --set data.width=" + std::to_string(before.width))};
}

/// The checkpoint of --from, if it is given.
std::optional<NamedCheckpoint> starting_point(const TrainFlags& flags) {
  if (flags.from.empty()) return std::nullopt;
  auto found = open_checkpoint(flags.from);
  require_current_layout(found.checkpoint, found.path);
  return found;
}

void start_from(const std::string& where, const NamedCheckpoint& named, const Assembly& parts) {
  const auto& [path, checkpoint] = named;
  const auto trained = data_of_checkpoint(checkpoint, path);
  const auto &before = main_info(trained), &now = parts.sets->train().info();
  const StartingPoint start{path, before.classes, now.classes, true, misfit_of(before, now)};
  const auto other = first_difference(before.class_names, "in " + where, now.class_names, "in the data");
  if (before.classes > 0 && before.classes == now.classes && !other.empty())
    log_warning("the classes have other names than those of --from (" + other +
                "): each starts from the weights of the class with its number");
  for (const auto& tensor : load_start(*parts.family, checkpoint.tensors, start))
    log_info("starts anew, since " + tensor.reason + ": " + tensor.name);
}

int train_new(const TrainFlags& flags) {
  auto recipe = recipe_from_file(flags);
  const auto path = free_run_path(flags);
  refuse_run_in_data(path, *recipe->data.path);
  const auto start = starting_point(flags);
  const auto parts = assemble(std::move(recipe), flags.dry_run ? InitialWeights::zero : InitialWeights::drawn);
  if (start) start_from(flags.from, *start, parts);
  if (flags.dry_run) {
    log_info("dry run: nothing was written");
    return 0;
  }
  if (parts.evaluator) parts.evaluator->prepare();
  const auto folder = RunFolder::create(path);
  const RunLock lock(folder.path());
  if (RunFolder::is_run(folder.path()))
    fail(folder.path().string(), "another training has just started in this folder");
  if (!flags.from.empty()) folder.note_checkpoint(0);  // a resume without it would start from other weights
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
  const auto found = checkpoint_to_resume(folder);
  const auto check = [&](const TrainingSets& sets) {
    if (found) check_data_to_resume(*found, sets);
  };
  const auto parts = assemble(recipe_to_resume(folder, found, flags.set, flags.data),
                              found ? InitialWeights::zero : InitialWeights::drawn,
                              found ? number_of(found->checkpoint.metadata, "iteration", found->path) : 0, check);
  Loop loop(*parts.family, parts.sets->by_name(), loop_options(parts, folder));
  if (found) loop.restore(found->checkpoint);
  if (flags.dry_run) {
    log_info("dry run: would continue from iteration " + std::to_string(loop.at().iteration) + "; nothing was written");
    return 0;
  }
  if (parts.evaluator) parts.evaluator->prepare();
  folder.rewind(found ? RunRecorder::offsets(found->checkpoint.metadata) : LogOffsets{},
                found ? loop.at().iteration : -1);
  write_file_atomically(folder.recipe(), write_options(*parts.recipe));
  return run_training(parts, folder, loop);
}

}  // namespace

void add_train(CLI::App& program, Action& action) {
  auto flags = std::make_shared<TrainFlags>();
  auto* command = program.add_subcommand("train", "train a model from a recipe, or continue a run");
  auto* recipe = command->add_option("recipe", flags->recipe, "recipe file (TOML)");
  command->add_option("--data", flags->data,
                      "images: IDX file or folder, image folder, class folders, zip; with --resume: their new place");
  command->add_option("--out", flags->out, "run folder; default: runs/<recipe>");
  command->add_option("--from", flags->from, "fine-tune: start from this checkpoint's weights, with fresh optimizers");
  auto* resume_flag = command->add_option("--resume", flags->resume, "continue the run in this folder");
  add_set_flag(*command, flags->set, "override an option: --set model.quantizer.codes=512 (repeatable)");
  command->add_flag("--dry-run", flags->dry_run, "check recipe, data and networks; write nothing");
  resume_flag->excludes(recipe);
  command->callback([flags, &action] {
    if (flags->recipe.empty() == flags->resume.empty())
      fail("train", "expected a recipe file or --resume RUN. Hint: " + command_line({"train", "--help"}));
    if (!flags->resume.empty() && !(flags->out.empty() && flags->from.empty()))
      fail("train", "expected --resume without --out and --from: the run has its own folder");
    action = [flags] { return flags->resume.empty() ? train_new(*flags) : resume(*flags); };
  });
}

}  // namespace fqgan
