// The run folder, the contract between training and every reader (web pages, inspect, sample, evaluate):
//   recipe.toml, log.jsonl, metrics.jsonl, events.out.tfevents.*.fqgan, samples/step-*.png, checkpoints/*.safetensors
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/core/run_marker.h"
#include "fqgan/run/event_file.h"
#include "fqgan/run/json_lines.h"
#include "fqgan/run/run_lock.h"

namespace fqgan {

/// Byte lengths of the append-only logs at a checkpoint, by file name ("log.jsonl", "metrics.jsonl",
/// "events.out.tfevents..."). A resume cuts the logs back to them, so that no line is duplicated or missing.
using LogOffsets = std::map<std::string, int64_t>;

class RunFolder {
 public:
  /// Makes the folder. Errors: UserError when it already holds a run ("Hint: --resume ... or another --out") or a file
  /// of one, is a file, or cannot be written.
  static RunFolder create(const std::filesystem::path& path);
  /// Opens an existing run. Errors: UserError when there is no recipe.toml.
  static RunFolder open(const std::filesystem::path& path);
  /// The run in whose folder of checkpoints the file lies; unset: in none.
  static std::optional<RunFolder> of_checkpoint(const std::filesystem::path& file);
  static bool is_run(const std::filesystem::path& path);
  /// Whether a file has the place of one that a training writes: the recipe, logs and events of a run, and everything
  /// in its folders of checkpoints, samples and curves. Other files in a run folder belong to their makers.
  static bool owns(const std::filesystem::path& file);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path recipe() const { return path_ / run_marker; }
  std::filesystem::path log() const { return path_ / "log.jsonl"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path events() const;                  // the existing event file, else a new name
  std::filesystem::path samples(int64_t step) const;     // samples/step-00001000.png
  std::filesystem::path checkpoint(int64_t step) const;  // checkpoints/step-00001000.safetensors
  std::filesystem::path best_checkpoint() const { return path_ / "checkpoints" / "best.safetensors"; }
  std::vector<std::filesystem::path> checkpoints() const;   // oldest first; partial files are not listed
  std::vector<std::filesystem::path> sample_grids() const;  // oldest first
  void keep_last(int64_t count) const;                      // removes older checkpoints; 0 keeps all
  /// Records that a checkpoint of this step was written, so that its loss is noticed.
  void note_checkpoint(int64_t step) const;
  /// The last recorded step. Unset: the run has never had a checkpoint.
  std::optional<int64_t> noted_checkpoint() const;
  /// Cuts the logs back to `offsets` (0 for logs without one), and removes partial files and the sample grids and
  /// checkpoints after `step`. A log that is missing or shorter than its offset is a warning.
  void rewind(const LogOffsets& offsets, int64_t step) const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace fqgan
