// What one training iteration takes, counted before anything is computed: the iteration runs on the `meta` device,
// where tensors have shapes and no values.
#pragma once

#include <map>
#include <string>

#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"
#include "fqgan/profiling/cost.h"

namespace fqgan {

struct StepCount {
  double memory = 0;                   // bytes: the most that networks, optimizers and an iteration hold at a time
  double bytes = 0;                    // that operators read and write, each argument and result once
  std::map<Product, double> products;  // matrix products (cost.h), and how often
};

/// Counts the first iteration (all phases once, and what precedes it; bytes and products of a phase that runs in every
/// k-th iteration count 1 / k) of the family with these options, computing with
/// `numerics` on images as `infos` describes them. Errors: UserError as FamilyOptions::build; c10::Error for a family
/// that needs values, or operators that `meta` lacks.
StepCount count_step(const FamilyOptions& options, const DataInfos& infos, const Numerics& numerics);

}  // namespace fqgan
