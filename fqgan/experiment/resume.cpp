#include "fqgan/experiment/resume.h"

#include <algorithm>
#include <filesystem>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/manifest.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/data/sources/source.h"
#include "fqgan/inference/model.h"
#include "fqgan/run/log_reader.h"

namespace fqgan {
namespace {

/// The last iteration of which the run has a line.
int64_t last_line(const RunFolder& run) {
  int64_t last = 0;
  for (const auto& file : {run.log(), run.metrics()})
    for (const auto& line : read_log(file))
      if (const auto step = line.numbers.find("step"); step != line.numbers.end())
        last = std::max(last, static_cast<int64_t>(step->second));
  return last;
}

/// That there were checkpoints, as a part of a sentence; "": no sign of any.
std::string sign_of_checkpoints(const RunFolder& run) {
  if (const auto noted = run.noted_checkpoint())
    return *noted > 0 ? "the run has written one, the last at iteration " + std::to_string(*noted)
                      : "the run starts from the weights of --from, which its first one holds";
  const auto every = read_recipe(RecipeText::from_file(run.recipe()))->training.checkpoint_every;
  const auto last = last_line(run);
  if (every == 0 || last <= every) return "";
  return "the log goes to iteration " + std::to_string(last) + " and one was written every " + std::to_string(every);
}

/// An option that differs and that a resume may not change; "" if there is none.
std::string fixed_option_that_differs(Recipe& before, Recipe& after) {
  const auto described = describe_options(after);
  for (const auto& key : changed_fields(before, after)) {
    const auto field = std::find_if(described.begin(), described.end(), [&](const auto& f) { return f.key == key; });
    if (field == described.end() || !field->resumable) return key;
  }
  return "";
}

constexpr const char* resumable_options =
    "cannot be changed on --resume (only the length, the intervals, device, threads and paths can). Hint: ";

/// The recipe in the folder must be that of the training, because somebody may have edited it.
void refuse_edited_recipe(Recipe& recipe, const NamedCheckpoint& trained, const RunFolder& run) {
  const auto text = text_of(trained.checkpoint.metadata, "recipe", trained.path);
  const auto before = read_recipe(RecipeText::from_string(text, trained.path));
  const auto key = fixed_option_that_differs(*before, recipe);
  if (!key.empty())
    fail(run.recipe().string(), "'" + key + "' is not what the run was trained with, and " + resumable_options +
                                    "undo the change, or fine-tune a new run with --from");
}

}  // namespace

std::optional<NamedCheckpoint> checkpoint_to_resume(const RunFolder& run) {
  auto found = newest_checkpoint(run);
  if (found) {
    require_current_layout(found->checkpoint, found->path);
    return found;
  }
  if (const auto sign = sign_of_checkpoints(run); !sign.empty())
    fail(run.path().string(), "expected a checkpoint, found none, although " + sign +
                                  ". Hint: put the files back into checkpoints/, or train anew with another --out");
  log_info("no checkpoint yet: the training begins again");
  return found;
}

std::unique_ptr<Recipe> recipe_to_resume(const RunFolder& run, const std::optional<NamedCheckpoint>& checkpoint,
                                         const std::vector<std::string>& set, const std::string& data) {
  auto text = RecipeText::from_file(run.recipe());
  const auto before = read_recipe(text);
  if (checkpoint) refuse_edited_recipe(*before, *checkpoint, run);
  for (const auto& assignment : set) text.set(assignment);
  auto after = read_recipe(text);
  if (const auto key = fixed_option_that_differs(*before, *after); !key.empty())
    fail("--set", "'" + key + "' " + resumable_options + "fine-tune a new run with --from");
  if (!data.empty()) read_data_from(*after, data);
  if (const auto& path = after->data.path; path && !std::filesystem::exists(*path))
    fail("data.path", "expected the images of the run at " + *path + ", found nothing" +
                          (data.empty() ? ". Hint: if they were moved, use --data PLACE" : ""));
  accept_split_of_run(after->data);
  return after;
}

void check_data_to_resume(const NamedCheckpoint& found, const TrainingSets& sets) {
  const auto trained = data_of_checkpoint(found.checkpoint, found.path);
  for (const auto& [name, info] : sets.infos()) {
    const auto before = trained.find(name);
    // An unconditional model was trained without the classes.
    if (before == trained.end() || before->second.classes == 0) continue;
    const auto text = first_difference(before->second.class_names, "in the run", info.class_names, "in the data");
    if (!text.empty())
      fail("data", "expected the classes of the run: " + text +
                       ", so that labels would mean something else. Hint: rename it back, or fine-tune a new run with "
                       "--from");
  }
  const auto before = text_of(found.checkpoint.metadata, "data_key", found.path), now = sets.train().key();
  if (before == now) return;
  if (const auto same = sameness(before, now); !same.empty())
    log_info("the data was moved or copied since the run began; its files have the same " + same);
  else
    log_warning("the data has changed since the run began: training continues, but not to the same bits");
}

}  // namespace fqgan
