// The options of label smoothing, a table of a recipe (the loss: losses/label_smoothing.h).
#pragma once

#include "fqgan/core/fields.h"
#include "fqgan/losses/label_smoothing.h"

namespace fqgan {

struct LabelSmoothingOptions : Options {
  LabelTargets targets;
  void fields(FieldVisitor& visit) override;
  /// Refuses targets that would teach the discriminator to call generated images real.
  void check(Problems& problems) const;
};

}  // namespace fqgan
