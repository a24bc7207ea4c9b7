#include "fqgan/inference/style_mix.h"

#include <ATen/ops/cat.h>

namespace fqgan {

at::Tensor mixed_styles(const at::Tensor& rows, const at::Tensor& columns, const std::vector<int64_t>& layers) {
  std::vector<at::Tensor> grid{columns};
  for (int64_t r = 0; r < rows.size(0); ++r) {
    const auto row = rows.narrow(0, r, 1);
    const auto mixed = row.repeat({columns.size(0), 1, 1});
    for (const auto layer : layers) mixed.select(1, layer).copy_(columns.select(1, layer));
    grid.push_back(row);
    grid.push_back(mixed);
  }
  return at::cat(grid);
}

}  // namespace fqgan
