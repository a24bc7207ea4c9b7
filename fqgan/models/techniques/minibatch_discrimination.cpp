#include "fqgan/models/techniques/minibatch_discrimination.h"

namespace fqgan {

void MinibatchDiscriminationOptions::fields(FieldVisitor& visit) {
  visit("kernels", kernels,
        about("similarities to the batch that are appended to D's last features; 0: off; openai/improved-gan: 100")
            .at_least(0)
            .at_most(65536));
  visit("dims", dims, about("dimensions of each kernel's space").at_least(1).at_most(65536));
}

}  // namespace fqgan
