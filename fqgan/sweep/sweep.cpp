#include "fqgan/sweep/sweep.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <thread>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/hash.h"
#include "fqgan/core/log.h"
#include "fqgan/core/signals.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/run/ledger.h"
#include "fqgan/run/log_reader.h"
#include "fqgan/run/run_folder.h"
#include "fqgan/run/run_lock.h"
#include "fqgan/sweep/child.h"
#include "fqgan/sweep/sweep_file.h"
#include "fqgan/sweep/sweep_report.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

constexpr int diverged = 3;
constexpr std::chrono::seconds lock_patience{60};

/// One experiment with one seed.
struct Task {
  const Experiment* experiment;
  int64_t seed;
  std::string key, data;         // data: as written
  std::vector<std::string> set;  // for the training, with absolute paths

  std::string name() const { return experiment->name + "-" + key + "-seed-" + std::to_string(seed); }
};

/// Eight hex digits that identify an experiment: a digest of the options that differ from the family's defaults (so
/// that new options of the program do not change it) and of the path of the images as it is written. Of other paths,
/// the name of the file counts. Seed and threads do not count.
std::string key_of(const Experiment& experiment, const std::string& data) {
  auto text = RecipeText::from_file(experiment.recipe, Paths::as_written);
  for (const auto& assignment : experiment.set) text.set(assignment);
  const auto recipe = read_recipe(text), usual = default_recipe(recipe->family);
  recipe->seed = usual->seed;
  recipe->compute.threads = usual->compute.threads;
  if (!data.empty()) recipe->data.path = data;
  const auto name_of = [](const std::string& path) { return fs::path(path).filename().string(); };
  recipe->evaluation.features = name_of(recipe->evaluation.features);
  if (auto& against = recipe->evaluation.against) against = name_of(*against);
  const auto changed = changed_fields(*recipe, *usual);
  std::set<std::string> differing;  // sorted, so that the key does not depend on the order of the fields
  for (const auto& field : describe_options(*recipe))
    if (std::find(changed.begin(), changed.end(), field.key) != changed.end())
      differing.insert(field.key + " = " + field.value);
  return sha256(recipe->family + "\n" + join({differing.begin(), differing.end()}, "\n")).substr(0, 8);
}

/// The experiment's recipe with its --set, in which paths are relative to the sweep file.
std::unique_ptr<Recipe> recipe_of(const Experiment& experiment, const std::string& folder) {
  auto text = RecipeText::from_file(experiment.recipe);
  for (const auto& assignment : experiment.set) text.set(assignment, folder);
  return read_recipe(text);
}

/// Does something with an experiment; its errors name the file and the experiment.
template <class Action>
void for_experiment(const std::string& file, const Experiment& experiment, const Action& action) {
  try {
    action();
  } catch (const UserError& error) {
    fail(file, "experiment '" + experiment.name + "': " + error.what());
  }
}

std::vector<std::string> with_absolute_paths(const Experiment& experiment, const std::string& folder) {
  const auto recipe = recipe_of(experiment, folder);
  std::map<std::string, std::string> paths;
  for (const auto& field : describe_options(*recipe))
    if (field.is_path) paths[field.key] = field.value;
  auto set = experiment.set;
  for (auto& assignment : set)
    if (const auto path = paths.find(assigned_key(assignment)); path != paths.end())
      assignment = path->first + "=" + path->second;
  return set;
}

/// The images of all experiments: as --data or the sweep file names them; "": as the recipes do.
std::string images_of(const SweepOptions& options, const SweepFile& file) {
  if (!options.data.empty() || !file.data) return options.data;
  return (fs::path(options.file).parent_path() / *file.data).string();
}

class Sweep {
 public:
  explicit Sweep(const SweepOptions& options)
      : options_(options), file_(read_sweep(options.file)), started_(std::chrono::steady_clock::now()) {
    const auto folder = fs::path(options.file).parent_path();
    const auto data = options.data.empty() ? file_.data.value_or("") : options.data;
    data_ = images_of(options, file_);
    for (const auto& experiment : file_.experiments) {
      for_experiment(options.file, experiment, [&] {  // before any training, so that all errors are found now
        const auto key = key_of(experiment, data);
        const auto set = with_absolute_paths(experiment, folder.string());
        for (const auto seed : experiment.seeds) tasks_.push_back({&experiment, seed, key, data, set});
      });
    }
  }

  int run() {
    catch_signals();
    int outcome = 0;
    for (const auto& task : tasks_) {
      if (find(task)) continue;
      if (options_.dry_run) {
        log_info("would train " + task.name());
        continue;
      }
      if (stop()) break;
      const int code = train(task);
      if (code == 2) return 2;
      if (code == 128 + SIGINT || code == 128 + SIGTERM || code == 128 + SIGHUP) break;
      if (code != 0 && code != diverged) {
        log_warning(task.name() + " ended with exit code " + std::to_string(code) +
                    "; the next sweep will try it again");
        outcome = 1;
      }
    }
    report();
    if (caught_signal()) return 128 + caught_signal();
    return outcome;
  }

 private:
  bool stop() const {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started_;
    return caught_signal() || passed.count() > 60 * options_.minutes.value_or(std::numeric_limits<double>::infinity());
  }

  std::optional<LedgerEntry> find(const Task& task) const {
    for (const auto& entry : read_ledger(options_.ledger))
      if (entry.key == task.key && entry.seed == task.seed) return entry;
    return {};
  }

  void wait_for_lock(const fs::path& folder) const {
    for (const auto deadline = std::chrono::steady_clock::now() + lock_patience;
         RunLock::is_held(folder) && !stop() && std::chrono::steady_clock::now() < deadline;)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }

  /// Starts or resumes the run. Returns the child's exit code.
  int train(const Task& task) const {
    const auto folder = fs::path(options_.runs) / task.name();
    std::vector<std::string> arguments{"train"};
    if (RunFolder::is_run(folder)) {
      wait_for_lock(folder);  // the training of a killed sweep needs a moment to save and end
      log_info("going on with " + folder.string());
      arguments.insert(arguments.end(), {"--resume", folder.string()});
    } else {
      log_info("training " + folder.string());
      arguments.insert(arguments.end(), {task.experiment->recipe, "--out", folder.string()});
      if (!data_.empty()) arguments.insert(arguments.end(), {"--data", data_});
      for (const auto& assignment : task.set) arguments.insert(arguments.end(), {"--set", assignment});
      arguments.insert(arguments.end(), {"--set", "seed=" + std::to_string(task.seed)});
    }
    const int code = run_child(arguments, [this] { return stop(); });
    if (code == 0 || code == diverged) record(task, folder, code);
    return code;
  }

  void record(const Task& task, const fs::path& folder, int code) const {
    const auto& [name, recipe, set, seeds] = *task.experiment;
    LedgerEntry entry{name, task.key, recipe, task.data, set, task.seed};
    if (code == diverged) entry.outcome = "diverged";
    entry.commit = commit_;
    entry.processor = processor_text();
    if (RunFolder::is_run(folder))  // a training that fails before its first iteration has none
      add_results(RunFolder::open(folder), task, entry);
    append_to_ledger(options_.ledger, entry);
  }

  /// Makes the ledger entry from the run's logs, and copies its curve.
  void add_results(const RunFolder& run, const Task& task, LedgerEntry& entry) const {
    for (const auto& line : read_log(run.log())) {
      entry.iterations = static_cast<int64_t>(line.numbers.at("step"));
      entry.images_per_second = line.numbers.at("images_per_second");
      for (const auto& [name, value] : line.numbers)
        if (name.ends_with("/perplexity")) entry.metrics[name] = value;
      entry.seconds = line.numbers.at("seconds");
    }
    const auto evaluations = read_log(run.metrics());
    const std::string prefix = "metrics.";
    if (evaluations.empty()) {
      log_warning(task.name() + " has no metrics. Hint: set evaluation.every in its recipe");
      return;
    }
    for (const auto& [key, value] : evaluations.back().numbers)
      if (key.starts_with(prefix)) entry.metrics[key.substr(prefix.size())] = value;
    entry.curve = (fs::path(options_.ledger).parent_path() / "curves" / (task.name() + ".jsonl")).string();
    make_folder(fs::path(entry.curve).parent_path());
    write_file_atomically(entry.curve, read_file(run.metrics()));
  }

  void report() const {
    std::vector<Finding> findings;
    for (const auto& experiment : file_.experiments) {
      Finding finding{experiment.name, {}, static_cast<int64_t>(experiment.seeds.size())};
      for (const auto& task : tasks_)
        if (task.experiment == &experiment)
          if (auto entry = find(task)) finding.runs.push_back(std::move(*entry));
      findings.push_back(std::move(finding));
    }
    const auto table = sweep_table(findings, file_.metric);
    if (!options_.dry_run) write_report(table, sweep_curves(findings, file_.metric));
    print(table);
  }

  void write_report(const std::string& table, const std::string& picture) const {
    const auto files = report_of_sweep(options_);
    if (files.table.has_parent_path()) make_folder(files.table.parent_path());
    write_file_atomically(files.table, table);
    if (!picture.empty()) write_file_atomically(files.picture, picture);
    log_info("table: " + files.table.string() + (picture.empty() ? "" : ", curves: " + files.picture.string()));
  }

  const SweepOptions& options_;
  SweepFile file_;
  std::string data_;                                                     // for the trainings
  std::string commit_ = first_line_of("git describe --always --dirty");  // at the start, since it may change meanwhile
  std::chrono::steady_clock::time_point started_;
  std::vector<Task> tasks_;
};

}  // namespace

SweepReport report_of_sweep(const SweepOptions& options) {
  const std::string ending = ".md";
  const auto beside_ledger = fs::path(options.ledger).parent_path() / fs::path(options.file).stem();
  auto base = options.out.empty() ? beside_ledger.string() : options.out;
  if (base.ends_with(ending)) base.resize(base.size() - ending.size());
  return {base + ".md", base + ".png"};
}

std::vector<std::string> inputs_of_sweep(const SweepOptions& options) {
  const auto file = read_sweep(options.file);
  const auto folder = fs::path(options.file).parent_path().string();
  std::vector<std::string> inputs{options.file, images_of(options, file)};
  for (const auto& experiment : file.experiments) {
    for_experiment(options.file, experiment, [&] {
      const auto recipe = recipe_of(experiment, folder);
      for (const auto& path :
           {experiment.recipe, recipe->data.path.value_or(""), recipe->evaluation.against.value_or("")})
        inputs.push_back(path);
    });
  }
  return inputs;
}

int run_sweep(const SweepOptions& options) { return Sweep(options).run(); }

}  // namespace fqgan
