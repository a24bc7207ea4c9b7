// The length of a training and the intervals of its outputs: the table [training] of a recipe.
#pragma once

#include "fqgan/core/fields.h"

namespace fqgan {

struct TrainingOptions : Options {
  int64_t iterations = 100000;
  double decay_from = 1;
  double decay_to = 0;
  int64_t log_every = 50;
  int64_t sample_every = 1000;
  int64_t checkpoint_every = 1000;
  int64_t keep_checkpoints = 3;
  void fields(FieldVisitor& visit) override;

  /// The factor by which every learning rate is multiplied at an iteration.
  double rate_factor(int64_t iteration) const;
};

}  // namespace fqgan
