// LPIPS (Zhang et al. 2018, 'The Unreasonable Effectiveness of Deep Features as a Perceptual Metric', section 3): a
// perceptual distance of two images from the feature maps of a network. Matches torch-fidelity's
// sample_similarity_lpips.py and the package lpips (version 0.1 of the weights) on given feature maps.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace fqgan {

/// The feature maps of one layer, and the layer's linear head.
struct PerceptualLayer {
  at::Tensor a, b;     // N x C x H x W of the images of each side, any floating type
  at::Tensor weights;  // C
};

/// -> N float64: the sum over the layers of the mean over the positions of sum_c w_c (a_c / |a| - b_c / |b|)^2, where
/// |.| is the length over the channels of a position plus 1e-10.
/// Errors: UserError for no layers and inconsistent shapes.
at::Tensor lpips(const std::vector<PerceptualLayer>& layers);

}  // namespace fqgan
