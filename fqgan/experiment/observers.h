// The observers of a training: they write the run folder by fqgan/run and fqgan/inference on the loop's events.
#pragma once

#include <memory>

#include "fqgan/data/dataset.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/inference/sampler.h"
#include "fqgan/run/event_file.h"
#include "fqgan/run/json_lines.h"
#include "fqgan/run/run_folder.h"
#include "fqgan/training/observer.h"

namespace fqgan {

/// Writes log.jsonl and TensorBoard scalars.
class RunRecorder : public Observer {
 public:
  explicit RunRecorder(const RunFolder& folder);
  void on_report(const Report& report) override;
  void save(std::map<std::string, std::string>& metadata) override;
  EventFile& events() { return events_; }
  /// Errors: NumericalError if a loss of the last report is not below a million: such a training has not succeeded,
  /// although all numbers are finite.
  void refuse_divergence() const;

  /// The offsets that save() wrote into a checkpoint's metadata.
  static LogOffsets offsets(const std::map<std::string, std::string>& metadata);

 private:
  const RunFolder& folder_;
  std::filesystem::path events_name_;
  std::map<std::string, double> last_;  // entries of the last report
  JsonLines log_;
  EventFile events_;
};

/// Writes samples/step-*.png: images of fixed latents, one row per class, or source images and their translations.
class SampleGrids : public Observer {
 public:
  /// data: as drawn by the generator (inference/model.h); sets: the training's, for source images of a translator.
  SampleGrids(const RunFolder& folder, DataInfo data, SampleOptions options, const DatasetsByName& sets,
              EventFile& events)
      : folder_(folder), data_(std::move(data)), options_(std::move(options)), sets_(sets), events_(events) {}
  void on_samples(const Progress& progress, Family& family) override;

 private:
  const RunFolder& folder_;
  torch::Tensor translated(Family& family, SampleOptions options, int64_t count) const;
  DataInfo data_;
  SampleOptions options_;
  DatasetsByName sets_;
  EventFile& events_;
  bool said_left_out_ = false;
};

/// Records in the run folder that there are checkpoints, and removes older ones.
class CheckpointKeeper : public Observer {
 public:
  CheckpointKeeper(const RunFolder& folder, int64_t keep) : folder_(folder), keep_(keep) {}
  void on_checkpoint(const Progress& progress, const std::string&) override {
    folder_.note_checkpoint(progress.at.iteration);
    folder_.keep_last(keep_);
  }

 private:
  const RunFolder& folder_;
  int64_t keep_;
};

/// Shows iterations, images per second, time left and losses: a progress bar on a terminal, plain lines elsewhere.
std::unique_ptr<Observer> progress_bar();

}  // namespace fqgan
