// The loop's events, for logs, progress, sample grids and evaluation. The observers are in fqgan/experiment.
#pragma once

#include <map>
#include <string>

#include "fqgan/core/streams.h"

namespace fqgan {

class Family;

struct Progress {
  Counters at;                   // at.iteration: complete iterations so far
  int64_t iterations = 0;        // length of the training
  double seconds = 0;            // of training so far, over all resumes
  double images_per_second = 0;  // real images since the last report
};

struct Report {
  Progress progress;
  std::map<std::string, double> entries;  // means since the last report, by name ("loss/generator")
};

struct Observer {
  virtual ~Observer() = default;
  virtual void on_start(const Progress&) {}
  virtual void on_phase(const std::string& name) {}     // after each phase that runs in an iteration; must be cheap
  virtual void on_iteration(const Progress&) {}         // must be cheap
  virtual void on_report(const Report&) {}              // every training.log_every
  virtual void on_samples(const Progress&, Family&) {}  // every training.sample_every, and at the start and end
  virtual void on_evaluation(const Progress&, Family&) {
  }  // every LoopOptions::evaluate_every, and at the start and end
  virtual void on_checkpoint(const Progress&, const std::string& path) {}
  virtual void on_end(const Progress&) {}
  /// State of this observer for a checkpoint (log offsets); called before each save.
  virtual void save(std::map<std::string, std::string>& metadata) {}
};

}  // namespace fqgan
