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

namespace fqgan {

std::optional<NamedCheckpoint> checkpoint_to_resume(const RunFolder& run) {
  auto found = newest_checkpoint(run);
  if (found) {
    require_current_layout(found->checkpoint, found->path);
    return found;
  }
  if (const auto last = run.noted_checkpoint())
    fail(run.path().string(),
         "expected a checkpoint, found none, although " +
             (*last > 0 ? "the run has written one, the last at iteration " + std::to_string(*last)
                        : std::string("the run starts from the weights of --from, which its first one holds")) +
             ". Hint: put the files back into checkpoints/, or train anew with another --out");
  log_info("no checkpoint yet: the training begins again");
  return found;
}

std::unique_ptr<Recipe> recipe_to_resume(const RunFolder& run, const std::vector<std::string>& set,
                                         const std::string& data) {
  auto text = RecipeText::from_file(run.recipe());
  const auto before = read_recipe(text);
  for (const auto& assignment : set) text.set(assignment);
  auto after = read_recipe(text);
  const auto described = describe_options(*after);
  for (const auto& key : changed_fields(*before, *after)) {
    const auto field = std::find_if(described.begin(), described.end(), [&](const auto& f) { return f.key == key; });
    if (field != described.end() && field->resumable) continue;
    fail("--set",
         "'" + key +
             "' cannot be changed on --resume (only the length, the intervals, device, threads and paths can). "
             "Hint: fine-tune a new run with --from");
  }
  if (!data.empty()) read_data_from(*after, data);
  if (const auto& path = after->data.path; path && !std::filesystem::exists(*path))
    fail("data.path",
         "expected the images of the run at " + *path + ", found nothing. Hint: if they were moved, use --data PLACE");
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
