// Plain kernels: blocks of a single-threaded matrix product for the codes, a counting sort for the statistics. Each row
// block and each code is one thread's work in a fixed order, so the bits do not depend on the number of threads.
#include "fqgan/ops/quantize_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <numeric>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/ops/quantize.h"

namespace fqgan::ops::kernels {
namespace {

constexpr int64_t block_rows = 256;

at::ScalarType accumulation_type(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

at::Tensor block_codes(const at::Tensor& rows, const at::Tensor& codebook, const at::Tensor& offset) {
  return at::addmm(offset, rows.to(codebook.scalar_type()), codebook.t()).argmax(1);
}

/// The rows' indices grouped by code, in order within a code, and where each group starts (K + 1).
std::pair<std::vector<int64_t>, std::vector<int64_t>> group_by_code(const int64_t* codes, int64_t rows, int64_t count) {
  std::vector<int64_t> starts(count + 1, 0), order(rows);
  for (int64_t m = 0; m < rows; ++m) ++starts[codes[m] + 1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  auto next = starts;
  for (int64_t m = 0; m < rows; ++m) order[next[codes[m]]++] = m;
  return {std::move(order), std::move(starts)};
}

template <class Row, class Sum>
void sum_groups(const at::Tensor& rows, const at::Tensor& codes, at::Tensor& counts, at::Tensor& sums) {
  const auto* x = rows.const_data_ptr<Row>();
  auto *n = counts.mutable_data_ptr<Sum>(), *total = sums.mutable_data_ptr<Sum>();
  const auto dimension = rows.size(1);
  const auto [order, starts] = group_by_code(codes.const_data_ptr<int64_t>(), rows.size(0), counts.size(0));
  at::parallel_for(0, counts.size(0), 1, [&, &order = order, &starts = starts](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; ++k) {
      n[k] = static_cast<Sum>(starts[k + 1] - starts[k]);
      for (int64_t i = starts[k]; i < starts[k + 1]; ++i)
        for (int64_t d = 0; d < dimension; ++d)
          total[k * dimension + d] += static_cast<Sum>(x[order[i] * dimension + d]);
    }
  });
}

/// The kernels index with the codes.
void check_codes(const at::Tensor& codes, int64_t count, const std::string& where) {
  if (codes.scalar_type() != at::kLong)
    fail(where, "expected codes of type int64, got " + std::string(codes.dtype().name()));
  if (codes.numel() == 0) return;
  const auto lowest = codes.min().item<int64_t>(), highest = codes.max().item<int64_t>();
  if (lowest < 0 || highest >= count)
    fail(where, "expected codes in 0 to " + std::to_string(count - 1) + ", got " + std::to_string(lowest) + " to " +
                    std::to_string(highest));
}

}  // namespace

at::Tensor nearest_code(const at::Tensor& rows, const at::Tensor& codebook) {
  at::NoGradGuard no_grad;
  check_shape(codebook, {any, any}, "nearest_code codebook");
  check_shape(rows, {any, codebook.size(1)}, "nearest_code rows");
  const auto type = accumulation_type(rows);
  const auto codes_wide = codebook.to(type);
  const auto offset = codes_wide.pow(2).sum(1) * -0.5;  // K
  if (!rows.is_cpu()) return block_codes(rows, codes_wide, offset);
  auto codes = at::empty({rows.size(0)}, rows.options().dtype(at::kLong));
  const auto blocks = (rows.size(0) + block_rows - 1) / block_rows;
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    at::NoGradGuard no_grad_here;
    for (int64_t b = first; b < last; ++b) {
      const auto size = std::min(block_rows, rows.size(0) - b * block_rows);
      codes.narrow(0, b * block_rows, size)
          .copy_(block_codes(rows.narrow(0, b * block_rows, size), codes_wide, offset));
    }
  });
  return codes;
}

std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& rows, const at::Tensor& codes, int64_t count) {
  at::NoGradGuard no_grad;
  check_shape(rows, {any, any}, "code_statistics rows");
  check_shape(codes, {rows.size(0)}, "code_statistics codes");
  check_codes(codes, count, "code_statistics");
  const auto type = accumulation_type(rows);
  auto counts = at::zeros({count}, rows.options().dtype(type));
  auto sums = at::zeros({count, rows.size(1)}, rows.options().dtype(type));
  if (!rows.is_cpu()) {
    counts.index_add_(0, codes, at::ones({rows.size(0)}, counts.options()));
    sums.index_add_(0, codes, rows.to(type));
    return {counts, sums};
  }
  const auto x = rows.contiguous(), k = codes.contiguous();
  if (x.scalar_type() == at::kDouble)
    sum_groups<double, double>(x, k, counts, sums);
  else if (x.scalar_type() == at::kBFloat16)
    sum_groups<at::BFloat16, float>(x, k, counts, sums);
  else
    sum_groups<float, float>(x.to(at::kFloat), k, counts, sums);
  return {counts, sums};
}

at::Tensor commitment_loss(const at::Tensor& h, const at::Tensor& codebook, const at::Tensor& codes) {
  at::NoGradGuard no_grad;
  check_shape(h, {any, codebook.size(1), any, any}, "commitment_loss features");
  check_shape(codes, {h.size(0) * h.size(2) * h.size(3)}, "commitment_loss codes");
  check_codes(codes, codebook.size(0), "commitment_loss");
  const auto type = accumulation_type(h);
  return commitment_loss_twin(h.to(type), codebook.to(type), codes);
}

at::Tensor commitment_loss_backward(const at::Tensor& gradient, const at::Tensor& h, const at::Tensor& codebook,
                                    const at::Tensor& codes) {
  at::NoGradGuard no_grad;
  const auto scale = gradient * (2. / static_cast<double>(h.numel() / h.size(0)));  // N
  const auto nearest = at::embedding(codebook, codes).reshape({h.size(0), h.size(2), h.size(3), h.size(1)});
  const auto difference = h.permute({0, 2, 3, 1}).to(codebook.scalar_type()) - nearest;
  return (difference * scale.reshape({-1, 1, 1, 1})).to(h.scalar_type()).permute({0, 3, 1, 2});
}

}  // namespace fqgan::ops::kernels
