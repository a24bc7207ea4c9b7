// The kernel of upfirdn on the processor.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/ops/upfirdn.h"

namespace fqgan::ops {

/// x: N x C x H x W, channels_last, float32 or bfloat16; y: N x C x H' x W', channels_last, is written.
void upfirdn_cpu(const at::Tensor& x, const Upfirdn& filter, const at::Tensor& y);

}  // namespace fqgan::ops
