#include "fqgan/ops/inputs.h"

#include <ATen/ATen.h>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"

namespace fqgan::ops {

void check_type(const at::Tensor& x, const std::string& where) {
  const auto type = x.scalar_type();
  if (type != at::kFloat && type != at::kBFloat16 && type != at::kHalf && type != at::kDouble)
    fail(where,
         "expected float16, bfloat16, float32 or float64, got " + type_text(x) + ". Hint: convert it with .to()");
}

bool kernels_take(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

at::Tensor in_order(const at::Tensor& x) { return x.contiguous(x.suggest_memory_format()); }

at::Tensor in_channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

}  // namespace fqgan::ops
