// Where the time of a training step goes: by layer and by operator, with the fraction of what the machine can do.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"
#include "fqgan/training/loop.h"

namespace fqgan {

/// All values are per iteration.
struct LayerProfile {
  std::string name;                  // "discriminator.block0.conv1"; "": outside of all layers
  double forward = 0, backward = 0;  // seconds
  double operations = 0, bytes = 0;
  double at_peak = 0;  // seconds that the operations take at the measured peak of their type
  double bound = 0;    // seconds at the rate measured for products of these shapes, or the rate reached, if higher
};
struct OperatorProfile {
  std::string name, shapes;
  bool backward;
  double calls = 0, seconds = 0, operations = 0, bytes = 0;
};

struct PhaseProfile {
  std::string name;
  int64_t interval;  // it runs in one of so many iterations
  double seconds;    // per iteration, on average over all of them
};

struct StepProfile {
  std::vector<double> seconds;           // of each iteration, timed without the recorder
  std::vector<PhaseProfile> phases;      // in order, timed without the recorder; on a GPU the program waits after each
  std::map<std::string, double> losses;  // of the first iteration
  double recorded_seconds = 0;           // of an iteration with the recorder
  std::vector<LayerProfile> layers;      // slowest first
  std::vector<OperatorProfile> operators;
  double peak_float32 = 0, peak_bfloat16 = 0;  // operations per second
  double at_peak = 0, bound = 0;               // seconds: the sums of the layers'
  double peak_memory = 0;                      // bytes, of the process; of its tensors on a GPU
};

struct ProfileOptions {
  int64_t warmup = 1, iterations = 3;
  bool layers = true;  // record operators too, for as many iterations again; on a CPU only
};

StepProfile profile_step(Family& family, const std::map<std::string, const Dataset*>& datasets, uint64_t seed,
                         const ProfileOptions& options);

}  // namespace fqgan
