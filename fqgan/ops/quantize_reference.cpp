#include "fqgan/ops/quantize_reference.h"

#include <ATen/ATen.h>

#include <vector>

#include "fqgan/ops/quantize.h"

namespace fqgan::ops::reference {
namespace {

at::ScalarType sum_type(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

/// The entry of each position, in the features' shape.
at::Tensor entries_at(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  const auto entries = at::embedding(codebook.to(sum_type(features)), codes);  // codes' shape x D
  return features.dim() == 4 ? entries.permute({0, 3, 1, 2}) : entries;
}

}  // namespace

at::Tensor rows_of(const at::Tensor& features) {
  const auto rows = features.dim() == 4 ? features.permute({0, 2, 3, 1}).reshape({-1, features.size(1)}) : features;
  return rows.to(sum_type(features));
}

at::Tensor nearest_code(const at::Tensor& features, const at::Tensor& codebook) {
  const auto rows = rows_of(features);
  // Of the scores that exist at a time: within the processor's cache, or enough work for a GPU.
  const int64_t block_elements = rows.is_cpu() ? 1 << 20 : 1 << 25;
  const auto entries = codebook.to(rows.scalar_type()).contiguous();
  const auto offset = entries.pow(2).sum(1) * -0.5;  // K
  auto codes = code_output(features);
  const auto flat = codes.view({-1});
  const auto block = std::max<int64_t>(1, block_elements / entries.size(0));
  for (int64_t first = 0; first < rows.size(0); first += block) {
    const auto size = std::min(block, rows.size(0) - first);
    flat.narrow(0, first, size).copy_(at::addmm(offset, rows.narrow(0, first, size), entries.t()).argmax(1));
  }
  return codes;
}

std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& features, const at::Tensor& codes, int64_t count) {
  const auto rows = rows_of(features), flat = codes.reshape({-1});
  auto counts = at::zeros({count}, rows.options()), sums = at::zeros({count, rows.size(1)}, rows.options());
  const auto ones = at::ones({rows.size(0)}, rows.options());
  if (rows.is_cpu()) {
    counts.index_add_(0, flat, ones);
    sums.index_add_(0, flat, rows);
  } else {  // sorts before it adds, which index_add_ does not on a GPU: the same bits in every run
    counts.index_put_({flat}, ones, /*accumulate=*/true);
    sums.index_put_({flat}, rows, /*accumulate=*/true);
  }
  return {counts, sums};
}

at::Tensor commitment_loss(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  const auto difference = features.to(sum_type(features)) - entries_at(features, codebook, codes);
  return difference.pow(2).flatten(1).mean(1);
}

at::Tensor commitment_loss_backward(const at::Tensor& gradient, const at::Tensor& features, const at::Tensor& codebook,
                                    const at::Tensor& codes) {
  const auto scale = gradient * (2. / static_cast<double>(features.numel() / features.size(0)));  // N
  const auto difference = features.to(sum_type(features)) - entries_at(features, codebook, codes);
  const std::vector<int64_t> an_image =
      features.dim() == 4 ? std::vector<int64_t>{-1, 1, 1, 1} : std::vector<int64_t>{-1, 1};
  return at::empty_like(features).copy_(difference * scale.reshape(an_image));
}

at::Tensor straight_through(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                            double fraction) {
  const auto entries = entries_at(features, codebook, codes);
  return at::empty_like(features).copy_(fraction == 1 ? entries : features + fraction * (entries - features));
}

}  // namespace fqgan::ops::reference
