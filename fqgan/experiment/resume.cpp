#include "fqgan/experiment/resume.h"

#include <algorithm>
#include <filesystem>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/manifest.h"
#include "fqgan/data/sources/source.h"
#include "fqgan/inference/model.h"
#include "fqgan/run/log_reader.h"

namespace fqgan {
namespace {

/// The last iteration of which the run has a line or a picture.
int64_t last_trace(const RunFolder& run) {
  int64_t last = 0;
  for (const auto& file : {run.log(), run.metrics()})
    for (const auto& line : read_log(file))
      if (const auto step = line.numbers.find("step"); step != line.numbers.end())
        last = std::max(last, static_cast<int64_t>(step->second));
  return last;
}

}  // namespace

std::optional<NamedCheckpoint> checkpoint_to_resume(const RunFolder& run) {
  auto found = newest_checkpoint(run);
  if (found) {
    require_current_layout(found->checkpoint, found->path);
    return found;
  }
  const auto every = read_recipe(RecipeText::from_file(run.recipe()))->training.checkpoint_every;
  const auto last = last_trace(run);
  if (every > 0 && last > every)
    fail(run.path().string(), "expected a checkpoint, found none, although the log goes to iteration " +
                                  std::to_string(last) + " and one was written every " + std::to_string(every) +
                                  ". Hint: put the files back into checkpoints/, or train anew with another --out");
  log_info("no checkpoint yet: the training begins again");
  return found;
}

std::unique_ptr<Recipe> recipe_to_resume(const RunFolder& run, const std::vector<std::string>& set) {
  auto text = RecipeText::from_file(run.recipe());
  const auto before = read_recipe(text);
  for (const auto& assignment : set) text.set(assignment);
  auto after = read_recipe(text);
  const auto described = describe_options(*after);
  for (const auto& key : changed_fields(*before, *after)) {
    const auto field = std::find_if(described.begin(), described.end(), [&](const auto& f) { return f.key == key; });
    if (field != described.end() && field->resumable) continue;
    fail("--set", "'" + key +
                      "' cannot be changed on --resume (only length, cadence, device, threads and paths can). "
                      "Hint: fine-tune a new run with --from");
  }
  if (const auto& data = after->data.path; data && !std::filesystem::exists(*data))
    fail("data.path",
         "expected the images of the run at " + *data + ", found nothing. Hint: if they were moved, use --data PLACE");
  accept_split_of_run(after->data);
  return after;
}

namespace {

/// "class 3 is 'boot' in the run and 'shoe' in the data"; empty if all names are the same.
std::string difference(const std::vector<std::string>& run, const std::vector<std::string>& data) {
  const auto name = [](const auto& names, size_t k) { return k < names.size() ? "'" + names[k] + "'" : "absent"; };
  for (size_t k = 0; k < std::max(run.size(), data.size()); ++k)
    if (name(run, k) != name(data, k))
      return "class " + std::to_string(k) + " is " + name(run, k) + " in the run and " + name(data, k) + " in the data";
  return "";
}

}  // namespace

void check_data_to_resume(const NamedCheckpoint& found, const TrainingSets& sets) {
  const auto trained = data_of_checkpoint(found.checkpoint, found.path);
  for (const auto& [name, info] : sets.infos()) {
    const auto before = trained.find(name);
    // An unconditional model was trained without the classes.
    if (before == trained.end() || before->second.classes == 0) continue;
    if (const auto text = difference(before->second.class_names, info.class_names); !text.empty())
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
