// Imports weights of NVlabs/stylegan2-ada-pytorch, and of NVlabs/stylegan3 with --cfg=stylegan2, from the files of
// `python -m fqgan.convert network.pkl FOLDER`. Our parameters have NVIDIA's names, and the metadata `init_kwargs`
// (JSON) are the arguments of the network's class.
#pragma once

#include "fqgan/models/foreign_weights.h"
#include "fqgan/models/stylegan2/options.h"

namespace fqgan {

/// The size, channels and classes of the images. Errors: UserError for a file that is no such generator.
DataInfo data_of_stylegan2(const ForeignWeights& generator);

/// Sets the options that decide what the networks compute, from names, shapes and metadata. Without metadata the
/// settings that no shape shows keep their values: the clamp, the learning rate multiplier and the group of the
/// minibatch standard deviation. Errors: UserError for networks that are not ours.
void set_stylegan2_options(StyleGan2Options& options, const ForeignNetworks& networks);

/// Refuses a recipe that differs from the metadata in a setting that no shape shows. Errors: UserError.
void check_stylegan2_options(const StyleGan2Options& options, const ForeignNetworks& networks);

/// Copies weights into a generator or a discriminator. Quantizers, which NVIDIA's files do not have, keep their values.
/// Errors: UserError that lists every tensor that is missing, left over or of another shape; another resampling filter.
void import_stylegan2(torch::nn::Module& network, const ForeignWeights& weights);

}  // namespace fqgan
