// How long to train and how often to report: the table [training] of a recipe.
#pragma once

#include "fqgan/core/fields.h"

namespace fqgan {

struct TrainingOptions : Options {
  int64_t iterations = 100000;  // complete rounds over the phases
  double decay_from = 1;        // fraction of the length after which learning rates fall linearly ...
  double decay_to = 0;          // ... to this fraction of themselves at the end
  int64_t log_every = 50;
  int64_t sample_every = 1000;
  int64_t checkpoint_every = 1000;
  int64_t keep_checkpoints = 3;
  void fields(FieldVisitor& visit) override;

  /// Factor of every learning rate at an iteration.
  double rate_factor(int64_t iteration) const;
};

}  // namespace fqgan
