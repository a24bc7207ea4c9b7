// Exports weights as NVlabs/stylegan2-ada-pytorch has them: for load_state_dict(strict=True) of its networks.
#pragma once

#include "fqgan/models/foreign_weights.h"
#include "fqgan/models/stylegan2/options.h"

namespace fqgan {

/// The tensors of a generator or a discriminator by name, without quantizers and with the buffers that NVIDIA's layers
/// add. The metadata are those of `python -m fqgan.convert`: `class_name`, and as `init_kwargs` (JSON) the arguments
/// that make such a network. Errors: UserError for images that NVIDIA's networks do not make (not square, or a size
/// that is no power of two).
ForeignWeights export_stylegan2_generator(const std::map<std::string, torch::Tensor>& tensors,
                                          const StyleGan2Options& options, const DataInfo& data);
ForeignWeights export_stylegan2_discriminator(const std::map<std::string, torch::Tensor>& tensors,
                                              const StyleGan2Options& options, const DataInfo& data);

}  // namespace fqgan
