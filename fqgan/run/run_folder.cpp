#include "fqgan/run/run_folder.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <fstream>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/partial_file.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

const std::string step_prefix = "step-";
const std::string events_prefix = "events.out.tfevents.";
const std::string last_checkpoint = "last-checkpoint.txt";  // visible, so that "cp RUN/*" takes it along
const std::string events_ending = ".fqgan";
const char* const written_folders[] = {"checkpoints", "samples", "curves"};

std::string step_name(int64_t step, const char* extension) {
  char name[48];
  std::snprintf(name, sizeof name, "step-%08lld%s", static_cast<long long>(step), extension);
  return name;
}

/// The step in "step-00001000.png"; none for any other name, such as a partial file's.
std::optional<int64_t> step_of(const fs::path& path, const char* extension) {
  const std::string stem = path.stem().string();
  if (path.extension() != extension || !stem.starts_with(step_prefix)) return std::nullopt;
  int64_t step = 0;
  const char* end = stem.data() + stem.size();
  const auto [stopped, error] = std::from_chars(stem.data() + step_prefix.size(), end, step);
  if (error != std::errc() || stopped != end || step < 0) return std::nullopt;
  return step;
}

struct StepFile {
  int64_t step;
  fs::path path;
};

/// The files ordered by step; none if the folder is missing.
std::vector<StepFile> step_files(const fs::path& folder, const char* extension) {
  std::vector<StepFile> files;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    if (const auto step = step_of(entry.path(), extension)) files.push_back({*step, entry.path()});
  }
  std::sort(files.begin(), files.end(), [](const StepFile& a, const StepFile& b) { return a.step < b.step; });
  return files;
}

std::vector<fs::path> paths_of(const std::vector<StepFile>& files) {
  std::vector<fs::path> paths;
  for (const StepFile& file : files) paths.push_back(file.path);
  return paths;
}

/// "events.out.tfevents.<digits>.fqgan". Other programs write event files with other endings.
bool is_events_name(const std::string& name) {
  if (!name.starts_with(events_prefix) || !name.ends_with(events_ending)) return false;
  if (name.size() <= events_prefix.size() + events_ending.size()) return false;
  return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(events_prefix.size()),
                     name.end() - static_cast<std::ptrdiff_t>(events_ending.size()),
                     [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<fs::path> event_files(const fs::path& run) {
  std::vector<fs::path> files;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(run, missing)) {
    if (is_events_name(entry.path().filename().string())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Removes a file; failing to do so does not stop the training.
void remove_or_warn(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) log_warning("[" + path.string() + "] cannot be removed: " + error.message());
}

void remove_later(const fs::path& folder, const char* extension, int64_t step) {
  for (const StepFile& file : step_files(folder, extension)) {
    if (file.step > step) remove_or_warn(file.path);
  }
}

/// 0 for a missing file.
int64_t length_of(const fs::path& path) {
  std::error_code missing;
  const auto length = fs::file_size(path, missing);
  return missing ? 0 : static_cast<int64_t>(length);
}

void cut(const fs::path& path, int64_t length) {
  std::error_code error;
  fs::resize_file(path, static_cast<uintmax_t>(length), error);
  if (error) fail<SystemError>(path.string(), "cannot be cut to its length at the checkpoint: " + error.message());
}

bool is_written_folder(const fs::path& name) {
  return std::find(std::begin(written_folders), std::end(written_folders), name) != std::end(written_folders);
}

bool present(const fs::path& path) {
  std::error_code ignored;  // a folder that cannot be read counts as empty
  return fs::exists(path, ignored);
}

/// A file that only a training writes, in a folder that need not be a run. A lock or an empty folder is none: a start
/// that ended early leaves them.
std::optional<fs::path> left_of_run(const fs::path& path) {
  for (const char* name : {run_marker, "log.jsonl", "metrics.jsonl", last_checkpoint.c_str()})
    if (present(path / name)) return path / name;
  if (const auto events = event_files(path); !events.empty()) return events.front();
  std::error_code missing;
  for (const char* folder : written_folders)
    for (const auto& entry : fs::directory_iterator(path / folder, missing)) return entry.path();
  return {};
}

}  // namespace

bool RunFolder::is_run(const fs::path& path) { return is_run_folder(path); }

bool RunFolder::owns(const fs::path& file) {
  const auto name = file.filename().string();
  const auto folder = file.parent_path();
  if (is_run(folder))
    return name == "recipe.toml" || name == "log.jsonl" || name == "metrics.jsonl" || name == ".lock" ||
           name == last_checkpoint || is_written_folder(name) || is_events_name(name);
  return is_written_folder(folder.filename()) && is_run(folder.parent_path());
}

RunFolder RunFolder::create(const fs::path& path) {
  if (is_run(path))
    fail(path.string(), "expected a new folder, found one that holds a run. Hint: " +
                            command_line({"train", "--resume", path.string()}) + ", or choose another --out");
  if (const auto found = left_of_run(path))
    fail(path.string(), "expected a new folder, found one with a file of a run ('" +
                            found->lexically_relative(path).string() + "'). Hint: choose another --out");
  make_folder(path);
  make_folder(path / "samples");
  make_folder(path / "checkpoints");
  return RunFolder(path);
}

RunFolder RunFolder::open(const fs::path& path) {
  if (!is_run(path)) {
    fail(path.string(),
         std::string("expected a run folder, with recipe.toml beside checkpoints/ or log.jsonl, found ") +
             (present(path) ? "none" : "no such folder") + ". Hint: give the folder that was the --out of fqgan train");
  }
  return RunFolder(path);
}

std::optional<RunFolder> RunFolder::of_checkpoint(const fs::path& file) {
  const auto folder = fs::absolute(file).lexically_normal().parent_path();
  if (folder.filename() != "checkpoints" || !is_run(folder.parent_path())) return std::nullopt;
  return RunFolder(folder.parent_path());
}

fs::path RunFolder::events() const {
  const std::vector<fs::path> existing = event_files(path_);
  return existing.empty() ? path_ / (events_prefix + std::to_string(std::time(nullptr)) + events_ending)
                          : existing.back();
}

fs::path RunFolder::samples(int64_t step) const { return path_ / "samples" / step_name(step, ".png"); }

fs::path RunFolder::checkpoint(int64_t step) const { return path_ / "checkpoints" / step_name(step, ".safetensors"); }

std::vector<fs::path> RunFolder::checkpoints() const {
  return paths_of(step_files(path_ / "checkpoints", ".safetensors"));
}

std::vector<fs::path> RunFolder::sample_grids() const { return paths_of(step_files(path_ / "samples", ".png")); }

void RunFolder::keep_last(int64_t count) const {
  const std::vector<fs::path> all = checkpoints();
  const auto total = static_cast<int64_t>(all.size());
  for (int64_t i = 0; count > 0 && i < total - count; ++i) remove_or_warn(all[static_cast<size_t>(i)]);
}

void RunFolder::note_checkpoint(int64_t step) const {
  write_file_atomically(path_ / last_checkpoint, std::to_string(step) + "\n");
}

std::optional<int64_t> RunFolder::noted_checkpoint() const {
  if (!present(path_ / last_checkpoint)) return std::nullopt;
  std::ifstream file(path_ / last_checkpoint);
  int64_t step = 0;
  file >> step;  // 0 for a damaged file: that there was a checkpoint is what counts
  return step;
}

void RunFolder::rewind(const LogOffsets& offsets, int64_t step) const {
  for (const auto& file : {log(), metrics()})
    if (present(file)) complete_last_line(file);
  for (const auto& [name, offset] : offsets) {
    FQGAN_CHECK(offset >= 0, "a log offset is negative: " + name);
    const auto file = path_ / name;
    if (const int64_t length = length_of(file); length < offset)
      log_warning("[" + file.string() + "] " + (present(file) ? "lines are missing" : "the file is missing") +
                  " that the checkpoint counts (" + std::to_string(length) + " of " + std::to_string(offset) +
                  " bytes are there). The training continues, and the log has a gap");
  }
  std::vector<fs::path> logs = event_files(path_);
  logs.push_back(log());
  logs.push_back(metrics());
  for (const fs::path& file : logs) {
    const auto found = offsets.find(file.filename().string());
    if (present(file)) cut(file, std::min(length_of(file), found == offsets.end() ? 0 : found->second));
  }
  for (const char* name : {"samples", "checkpoints"}) make_folder(path_ / name);
  for (const fs::path& folder : {path_, path_ / "samples", path_ / "checkpoints"}) remove_partial_files(folder);
  remove_later(path_ / "samples", ".png", step);
  remove_later(path_ / "checkpoints", ".safetensors", step);
}

}  // namespace fqgan
