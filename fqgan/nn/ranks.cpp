#include "fqgan/nn/ranks.h"

#include <ATen/ATen.h>

#include "fqgan/core/error.h"

namespace fqgan {

int64_t rows_per_rank(int64_t rows, const Ranks* ranks) {
  const auto size = ranks_in(ranks);
  if (rows % size)
    fail("ranks", "expected a batch size divisible by the number of processes (" + std::to_string(size) + "), got " +
                      std::to_string(rows) + ". Hint: use a multiple of " + std::to_string(size));
  return rows / size;
}

at::Tensor part_of(const at::Tensor& global, const Ranks* ranks) {
  if (!ranks) return global;
  const auto rows = rows_per_rank(global.size(0), ranks);
  return global.narrow(0, ranks->rank() * rows, rows);
}

at::Tensor mean_over(const at::Tensor& local, const Ranks* ranks) {
  if (!ranks) return local;
  std::vector<at::Tensor> total{local.detach()};
  ranks->sum(total);
  // The bracket is exactly the mean: (x - x) + mean. The gradient passes through the first term alone.
  return (local - local.detach()) + total[0] / static_cast<double>(ranks->size());
}

at::Tensor mean_row_over(const at::Tensor& rows, const Ranks* ranks) {
  if (!ranks) return rows;
  const auto type = rows.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return mean_over(rows.mean(at::IntArrayRef{0}, /*keepdim=*/true, type), ranks);
}

void require_one_rank(const Ranks* ranks, const std::string& what) {
  if (ranks_in(ranks) > 1)
    fail(what, "works in one process only, got " + std::to_string(ranks->size()) +
                   ". Hint: train with one process, or choose another option");
}

}  // namespace fqgan
