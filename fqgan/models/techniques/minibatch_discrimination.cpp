#include "fqgan/models/techniques/minibatch_discrimination.h"

namespace fqgan {

void MinibatchDiscriminationOptions::fields(FieldVisitor& visit) {
  visit("kernels", kernels,
        about("number of similarity features appended to the discriminator's last features (0: off; "
              "openai/improved-gan: 100)")
            .at_least(0)
            .at_most(65536));
  visit("dims", dims, about("dimensions of the space in which each kernel compares images").at_least(1).at_most(65536));
}

}  // namespace fqgan
