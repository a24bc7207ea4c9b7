#include "fqgan/nn/quantizer_start.h"

#include <cmath>

#include "fqgan/ops/quantize.h"

namespace fqgan {
namespace {

constexpr int64_t kmeans_iterations = 10;
/// Standard deviation of N(0, 1) cut off at -2 and 2.
constexpr double cut_off_stddev = 0.87962566103423978;

}  // namespace

torch::Tensor variance_scaled_entries(int64_t codes, int64_t channels, Streams& random) {
  // Uses the inverse of the distribution function, so that each value takes one draw.
  const double below = std::erfc(std::sqrt(2.)) / 2;  // P(x < -2)
  const auto p = below + (1 - 2 * below) * random.uniform({codes, channels}, "feature_quantizer").to(torch::kDouble);
  const auto cut_off = at::erfinv(2 * p - 1) * std::sqrt(2.);
  return (cut_off / (cut_off_stddev * std::sqrt(static_cast<double>(channels)))).to(torch::kFloat);
}

torch::Tensor picked_rows(const QuantizedRows& rows, const torch::Tensor& indices, torch::ScalarType type,
                          const Ranks* ranks) {
  const auto positions = rows.h.size(2) * rows.h.size(3), size = ranks_in(ranks), rank = rank_in(ranks);
  auto local = torch::zeros_like(indices), mine = torch::zeros(indices.sizes(), torch::kBool);
  int64_t begin = 0, local_begin = 0;
  for (const auto images : rows.segments) {
    const auto per_rank = images * positions;
    const auto offset = indices - begin;
    const auto here = (offset >= rank * per_rank) & (offset < (rank + 1) * per_rank);
    local = at::where(here, offset - rank * per_rank + local_begin, local);
    mine = mine | here;
    begin += size * per_rank;
    local_begin += per_rank;
  }
  const auto device = rows.h.device();
  const auto image = at::floor_divide(local, positions).to(device), place = at::remainder(local, positions).to(device);
  const auto found = rows.h.detach().flatten(2).transpose(1, 2).index({image, place}).to(type);
  if (!ranks) return found;
  std::vector<torch::Tensor> total{at::where(mine.unsqueeze(1).to(device), found, torch::zeros_like(found))};
  ranks->sum(total);
  return total[0];
}

std::pair<torch::Tensor, torch::Tensor> kmeans_entries(const QuantizedRows& rows, int64_t codes, torch::ScalarType type,
                                                       const Pass& pass) {
  // The initial centres are distinct rows; if there are fewer rows than codes, rows are used again.
  const auto positions = rows.positions(pass.ranks);
  const auto order = at::argsort(pass.random.uniform({positions}, "feature_quantizer"));
  const auto first = order.repeat({codes / positions + 1}).narrow(0, 0, codes);
  const auto sum = [&](std::vector<at::Tensor>& totals) {
    if (pass.ranks) pass.ranks->sum(totals);
  };
  const auto [centres, counts] =
      ops::kmeans(rows.h.detach(), picked_rows(rows, first, type, pass.ranks), kmeans_iterations, sum);
  return {centres, counts};
}

}  // namespace fqgan
