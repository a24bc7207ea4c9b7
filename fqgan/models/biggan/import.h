// Weights of BigGAN-PyTorch and of FQ-GAN's BigGAN, under their own names, into a family of ours.
#pragma once

#include <map>
#include <string>

#include "fqgan/models/biggan/options.h"

namespace fqgan {

/// A state_dict, and the file that it came from, for errors.
struct ForeignWeights {
  std::string file;
  std::map<std::string, torch::Tensor> tensors;
};

/// What a generator's weights say of its images and classes. size: height and width in pixels, which they do not say.
/// Errors: UserError for a file that is no such generator.
DataInfo data_of_biggan_generator(const ForeignWeights& generator, int64_t height, int64_t width);

/// Copies into `network` (a generator or a discriminator of this family). Spectral vectors, stored statistics (also
/// those of --mybn and --cross_replica) and dictionaries come along; the reference's singular values, which nothing
/// reads, are left out. On purpose different: outside of training the reference's --cross_replica adds the gain of a
/// conditional batch norm; here it scales, as in that training.
/// Errors: UserError that lists every name that is missing, left over or of another shape.
void import_biggan(torch::nn::Module& network, const ForeignWeights& weights);

}  // namespace fqgan
