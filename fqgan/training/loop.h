// The training loop: runs a family's phases, optimizers and averages, and saves checkpoints. It knows no method.
#pragma once

#include <functional>
#include <memory>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"
#include "fqgan/training/observer.h"
#include "fqgan/training/optimizer.h"
#include "fqgan/training/options.h"

namespace fqgan {

struct LoopOptions {
  TrainingOptions training;
  uint64_t seed = 0;
  bool flip = false;
  std::map<std::string, std::string> metadata;  // goes into every checkpoint: recipe, data, version
  bool fine_tune = false;                       // the family holds trained weights: keep its averages,
                                                // do not prepare it, and save before the first step
  int64_t evaluate_every = 0;                   // iterations between evaluations; 0: none
  std::function<std::string(int64_t iteration)> checkpoint_path;  // path of a checkpoint; empty: none are written
  std::function<int()> interrupted;  // returns the number of a signal that arrived, else 0; may be empty
  const Ranks* ranks = nullptr;      // the processes of a distributed training; null: one. Must outlive the loop
};

class Loop {
 public:
  /// `family` and `datasets` (by the names that the family's streams use) must outlive the loop. Errors: UserError when
  /// the ranks do not divide a stream's batch.
  Loop(Family& family, const std::map<std::string, const Dataset*>& datasets, LoopOptions options);
  ~Loop();

  /// Continues from a full checkpoint. Errors: UserError for another architecture or a weights-only file.
  void restore(const Checkpoint& checkpoint);
  /// Trains to the end, or until a signal arrives (on any rank), then saves. Returns the signal's number, or 0. With
  /// several ranks, all call this, iterate and checkpoint in the same way, with the same options and seed; only rank 0
  /// has observers and writes checkpoints, with values over all ranks.
  int run(std::vector<Observer*> observers = {});
  /// One iteration over all phases, without reports and checkpoints.
  void iterate();

  Checkpoint checkpoint() const;
  const Counters& at() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fqgan
