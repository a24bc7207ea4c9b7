// The kernel of upfirdn on the processor.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "fqgan/ops/upfirdn.h"

namespace fqgan::ops {

/// Changes a row of the result, W' x C values, right after it was written.
using RowEnd = std::function<void(int64_t image, int64_t row, void* values)>;

/// x: N x C x H x W, channels_last, float32 or bfloat16; y: N x C x H' x W', channels_last, is written. `end` may be
/// empty.
void upfirdn_cpu(const at::Tensor& x, const Upfirdn& filter, const at::Tensor& y, const RowEnd& end = {});

}  // namespace fqgan::ops
