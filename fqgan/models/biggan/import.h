// Imports weights of BigGAN-PyTorch and of FQ-GAN's BigGAN, which have their own tensor names.
#pragma once

#include "fqgan/models/biggan/options.h"
#include "fqgan/models/foreign_weights.h"

namespace fqgan {

/// Finds the channels and classes of a generator from its weights. size: height and width in pixels, which the weights
/// do not contain. Errors: UserError for a file that is no such generator.
DataInfo data_of_biggan_generator(const ForeignWeights& generator, int64_t height, int64_t width);

/// Copies weights into `network` (a generator or a discriminator of this family), with spectral vectors, stored
/// statistics (also in the form of --mybn and --cross_replica) and dictionaries; the singular values, which nothing
/// reads, are left out. On purpose different: outside of training BigGAN-PyTorch's --cross_replica adds the gain of a
/// conditional batch norm; here it scales, as it does in training.
/// Errors: UserError that lists every tensor that is missing, left over or of another shape.
void import_biggan(torch::nn::Module& network, const ForeignWeights& weights);

}  // namespace fqgan
