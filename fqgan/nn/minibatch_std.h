// The minibatch standard deviation (Karras et al. 2018, 'Progressive growing of GANs', section 3), in the form of
// NVlabs/stylegan2-ada-pytorch (MinibatchStdLayer): how much the images of a group differ, as more channels.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

/// x: N x C x H x W -> N x (C + channels) x H x W. Image n belongs to group n mod (N / G), with G = min(group, N).
/// `channels` divides C; each of the new ones is the mean standard deviation of C / channels channels in the group.
/// Errors: UserError if G does not divide N.
at::Tensor with_minibatch_std(const at::Tensor& x, int64_t group, int64_t channels);

}  // namespace fqgan
