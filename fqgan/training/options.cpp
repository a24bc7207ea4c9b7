#include "fqgan/training/options.h"

namespace fqgan {

void TrainingOptions::fields(FieldVisitor& visit) {
  visit(
      "iterations", iterations,
      about("length of the training in iterations, each a round over all phases (discriminator steps, generator step)")
          .at_least(1)
          .on_resume());
  visit("decay_from", decay_from,
        about("fraction of the iterations after which the learning rates decrease linearly (1: never)")
            .at_least(0)
            .at_most(1));
  visit("decay_to", decay_to,
        about("fraction of the learning rates that is left at the end of the decrease").at_least(0).at_most(1));
  visit("log_every", log_every, about("iterations between log entries").at_least(1).on_resume());
  visit("sample_every", sample_every, about("iterations between sample grids (0: none)").at_least(0).on_resume());
  visit("checkpoint_every", checkpoint_every,
        about("iterations between checkpoints (0: only at the end)").at_least(0).on_resume());
  visit("keep_checkpoints", keep_checkpoints,
        about("number of newest checkpoints that are kept (0: all)").at_least(0).on_resume());
}

double TrainingOptions::rate_factor(int64_t iteration) const {
  const double done = static_cast<double>(iteration) / static_cast<double>(iterations);
  if (done <= decay_from || decay_from >= 1) return 1;
  return 1 - (1 - decay_to) * (done - decay_from) / (1 - decay_from);
}

}  // namespace fqgan
