#include "fqgan/ops/weight_norm_linear_cpu.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan::ops::cpu {
namespace {

constexpr int64_t elements_per_thread = 16384;  // elements
constexpr int64_t line = 32;                    // outputs that share a cache line

bool narrow(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16; }
int64_t rows_per_thread(int64_t width) {
  return std::max<int64_t>(1, elements_per_thread / std::max<int64_t>(1, width));
}
const auto& kernels_of_layer() { return kernels::active().loops.weight_norm; }

}  // namespace

std::pair<at::Tensor, at::Tensor> weight_norm_prepare(const at::Tensor& weight, const at::Tensor& scale,
                                                      bool bfloat16) {
  const auto outputs = weight.size(0), inputs = weight.size(1);
  auto factor = at::empty({outputs}, weight.options());
  auto packed = bfloat16 ? at::empty({outputs, inputs}, weight.options().dtype(at::kBFloat16)) : weight;
  const auto* w = weight.const_data_ptr<float>();
  const auto* s = scale.const_data_ptr<float>();
  auto* f = factor.mutable_data_ptr<float>();
  auto* to = bfloat16 ? static_cast<uint16_t*>(packed.mutable_data_ptr()) : nullptr;
  at::parallel_for(0, outputs, rows_per_thread(inputs),
                   [&](int64_t first, int64_t last) { kernels_of_layer().prepare(w, s, inputs, first, last, f, to); });
  return {factor, packed};
}

void weight_norm_finish(const at::Tensor& products, const at::Tensor& factor, const at::Tensor& bias, bool relu) {
  auto* data = products.mutable_data_ptr();
  const auto* f = factor.const_data_ptr<float>();
  const auto* b = bias.const_data_ptr<float>();
  const auto outputs = products.size(1);
  at::parallel_for(0, products.size(0), rows_per_thread(outputs), [&](int64_t first, int64_t last) {
    kernels_of_layer().finish(data, narrow(products), outputs, first, last, f, b, relu);
  });
}

std::pair<at::Tensor, at::Tensor> weight_norm_finish_back(const at::Tensor& gradient, const at::Tensor& y,
                                                          const at::Tensor& factor, bool relu) {
  auto out = at::empty_like(y), sum = at::empty_like(factor);
  const auto *g = gradient.const_data_ptr(), *made = y.const_data_ptr();
  const auto* f = factor.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr();
  auto* total = sum.mutable_data_ptr<float>();
  const auto rows = y.size(0), outputs = y.size(1), lines = (outputs + line - 1) / line;
  at::parallel_for(0, lines, rows_per_thread(rows * line), [&](int64_t first, int64_t last) {
    kernels_of_layer().finish_back(g, made, narrow(y), rows, outputs, first * line, std::min(last * line, outputs), f,
                                   relu, to, total);
  });
  return {out, sum};
}

std::pair<at::Tensor, at::Tensor> weight_norm_back(const at::Tensor& raw, const at::Tensor& weight,
                                                   const at::Tensor& scale, const at::Tensor& factor) {
  auto dweight = at::empty_like(weight), dscale = at::empty_like(scale);
  const auto* w = weight.const_data_ptr<float>();
  const auto* from = raw.const_data_ptr();
  const auto *s = scale.const_data_ptr<float>(), *f = factor.const_data_ptr<float>();
  auto *to = dweight.mutable_data_ptr<float>(), *to_scale = dscale.mutable_data_ptr<float>();
  const auto inputs = weight.size(1);
  at::parallel_for(0, weight.size(0), rows_per_thread(inputs), [&](int64_t first, int64_t last) {
    kernels_of_layer().weight_back(w, from, narrow(raw), inputs, first, last, s, f, to, to_scale);
  });
  return {dweight, dscale};
}

}  // namespace fqgan::ops::cpu
