// Work is cut by rows, images or channels, never by threads, and every sum has one order: codes, statistics and losses
// are the same bits for any number of threads, memory layout and instruction set.
#include "fqgan/ops/quantize_cpu.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <vector>

#include "fqgan/ops/kernels/instruction_set.h"
#include "fqgan/ops/nearest.h"
#include "fqgan/ops/quantize.h"

namespace fqgan::ops::cpu {
namespace {

kernels::Map map_of(const at::Tensor& x) {
  const bool is_map = x.dim() == 4;
  const auto positions = is_map ? x.size(2) * x.size(3) : 1;
  return {x.const_data_ptr(),
          x.scalar_type() == at::kBFloat16,
          is_map && !x.is_contiguous(at::MemoryFormat::ChannelsLast),
          x.size(0),
          positions,
          x.size(1),
          x.size(0) * positions};
}

at::Tensor float_codebook(const at::Tensor& codebook) { return codebook.to(at::kFloat).contiguous(); }

std::vector<float> scratch_for(const kernels::Map& map) {
  return std::vector<float>(kernels::position_run * map.channels);
}

}  // namespace

at::Tensor nearest_code(const at::Tensor& features, const at::Tensor& codebook) {
  auto codes = code_output(features);
  find_nearest(map_of(features), float_codebook(codebook), kernels::active(), codes.mutable_data_ptr<int64_t>());
  return codes;
}

std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& features, const at::Tensor& codes, int64_t count) {
  constexpr int64_t slice = 64;  // channels that a thread sums: a K x 64 strip stays in the second cache
  const auto map = map_of(features);
  const auto codes_in_order = codes.contiguous();
  const auto* code = codes_in_order.const_data_ptr<int64_t>();
  auto counts = at::zeros({count}, features.options().dtype(at::kFloat));
  auto sums = at::zeros({count, map.channels}, counts.options());
  std::vector<int64_t> seen(count, 0);
  for (int64_t row = 0; row < map.rows; ++row) ++seen[code[row]];
  std::copy(seen.begin(), seen.end(), counts.mutable_data_ptr<float>());
  at::parallel_for(0, (map.channels + slice - 1) / slice, 1, [&](int64_t begin, int64_t end) {
    auto scratch = scratch_for(map);
    for (auto s = begin; s < end; ++s)
      kernels::active().loops.rows.sums(map, code, s * slice, std::min((s + 1) * slice, map.channels),
                                        sums.mutable_data_ptr<float>(), scratch.data());
  });
  return {counts, sums};
}

at::Tensor commitment_loss(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  const auto map = map_of(features);
  const auto entries = float_codebook(codebook), codes_in_order = codes.contiguous();
  auto loss = at::empty({map.images}, entries.options());
  at::parallel_for(0, map.images, 1, [&](int64_t begin, int64_t end) {
    auto scratch = scratch_for(map);
    kernels::active().loops.rows.loss(map, entries.const_data_ptr<float>(), codes_in_order.const_data_ptr<int64_t>(),
                                      begin, end, loss.mutable_data_ptr<float>(), scratch.data());
  });
  return loss;
}

at::Tensor commitment_loss_backward(const at::Tensor& gradient, const at::Tensor& features, const at::Tensor& codebook,
                                    const at::Tensor& codes) {
  const auto map = map_of(features);
  const auto entries = float_codebook(codebook), codes_in_order = codes.contiguous();
  const auto scale = (gradient.to(at::kFloat) * (2. / static_cast<double>(map.positions * map.channels))).contiguous();
  auto out = at::empty_like(features);
  at::parallel_for(0, map.images, 1, [&](int64_t begin, int64_t end) {
    auto scratch = scratch_for(map);
    kernels::active().loops.rows.gradient(map, entries.const_data_ptr<float>(),
                                          codes_in_order.const_data_ptr<int64_t>(), scale.const_data_ptr<float>(),
                                          begin, end, out.mutable_data_ptr(), scratch.data());
  });
  return out;
}

at::Tensor straight_through(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                            double fraction) {
  const auto map = map_of(features);
  const auto entries = float_codebook(codebook), codes_in_order = codes.contiguous();
  auto out = at::empty_like(features);
  at::parallel_for(0, map.images, 1, [&](int64_t begin, int64_t end) {
    auto scratch = scratch_for(map);
    kernels::active().loops.rows.blend(map, entries.const_data_ptr<float>(), codes_in_order.const_data_ptr<int64_t>(),
                                       static_cast<float>(fraction), begin, end, out.mutable_data_ptr(),
                                       scratch.data());
  });
  return out;
}

}  // namespace fqgan::ops::cpu
