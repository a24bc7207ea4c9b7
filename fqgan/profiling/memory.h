// How much memory a training step will take, told by the same step with few images.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"

namespace fqgan {

/// Builds the family with this many images a batch.
using FamilyOfBatch = std::function<std::unique_ptr<Family>(int64_t batch)>;

/// Bytes that tensors hold after each allocation of this thread, while the family is built and does one iteration.
std::vector<int64_t> memory_history(const FamilyOfBatch& build, const std::map<std::string, const Dataset*>& datasets,
                                    torch::Device device, uint64_t seed, int64_t batch);

/// Memory that tensors hold on the device of a training, bytes, as a function of the batch.
class StepMemory {
 public:
  /// Runs one iteration (all phases) with an eighth (at most 8) and with a quarter of the batch. Both do the same in
  /// the same order, so their histories are cut into the same stretches; the most that each holds is linear in the
  /// batch.
  StepMemory(const FamilyOfBatch& build, const std::map<std::string, const Dataset*>& datasets, torch::Device device,
             uint64_t seed, int64_t batch);

  /// The most that the networks, their optimizers and one iteration hold at a time.
  double peak(int64_t batch) const;
  /// The largest of batch, batch / 2, batch / 4, ... whose peak is at most `bytes`; 0: not even one image's is.
  int64_t largest_batch(int64_t batch, double bytes) const;

 private:
  int64_t few_images_, more_images_;
  std::vector<double> few_, more_;  // the most that each stretch of an iteration holds, bytes
};

/// Bytes that this process can still take: of memory and its group's limit for a CPU, else of the device. 0: unknown.
double free_memory(torch::Device device);

/// The most that this process has held, bytes; 0 where the system does not tell.
double peak_resident_memory();

}  // namespace fqgan
