// Convolutions from or to maps of few channels (1 to 4, images) on kernels of their own: oneDNN's are slow there. Maps
// and gradients are channels_last, parameters contiguous, as on the other paths of convolution.cpp.
#pragma once

#include <tuple>

#include "fqgan/ops/convolution.h"

namespace fqgan::ops::few {

/// Whether they run here: few channels to a multiple of 16, or such a multiple to few; no resampling, or few channels
/// through 1x1 and averaged.
bool takes(const at::Tensor& x, const Convolution& c);
at::Tensor convolution(const at::Tensor& x, const Convolution& c);
/// d x, d weight, d bias; undefined where not wanted.
std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& gradient, const at::Tensor& x,
                                                         const Convolution& c, bool wants_x, bool wants_weight);

}  // namespace fqgan::ops::few
