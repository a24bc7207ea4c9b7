#include "fqgan/models/techniques/label_smoothing.h"

#include <c10/util/StringUtil.h>

namespace fqgan {

void LabelSmoothingOptions::fields(FieldVisitor& visit) {
  visit("real", targets.real,
        about("target of the discriminator for real images (1: no smoothing; one-sided label smoothing: 0.9)")
            .more_than(0)
            .at_most(1));
  visit("fake", targets.fake,
        about("target of the discriminator for generated images; Salimans et al. 2016 advise against values above 0")
            .at_least(0)
            .at_most(0.999));
}

void LabelSmoothingOptions::check(Problems& problems) const {
  if (targets.real > targets.fake) return;
  problems.add("model.label_smoothing", c10::str("expected real above fake, got real = ", targets.real,
                                                 " and fake = ", targets.fake, ". Hint: set real = 0.9, fake = 0"));
}

}  // namespace fqgan
