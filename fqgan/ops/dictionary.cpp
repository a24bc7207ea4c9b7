#include "fqgan/ops/dictionary.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_set>

namespace fqgan::ops {
namespace {

int64_t round_up(int64_t x, int64_t step) { return (x + step - 1) / step * step; }

float above(double x) {
  const auto nearest = static_cast<float>(x);
  return nearest >= x ? nearest : std::nextafter(nearest, std::numeric_limits<float>::infinity());
}

/// Denormal numbers are zero: bfloat16 products take them for that, and float32 products would be fifty times slower.
float flushed(float x) { return std::abs(x) < std::numeric_limits<float>::min() ? 0.f : x; }

}  // namespace

PackedDictionary::PackedDictionary(const at::Tensor& e, const kernels::Screening& screening)
    : codebook(e.const_data_ptr<float>()),
      codes(e.size(0)),
      channels(e.size(1)),
      half(codes),
      blocks_(round_up(codes, screening.block) / screening.block),
      depth_(round_up(channels, kernels::depth_step)),
      rounding_(2. * static_cast<double>(channels + 8) * 0x1p-23),
      packed_(blocks_ * screening.block * depth_ * (screening.bfloat16 ? 2 : 4)),
      start_(blocks_ * screening.block, -std::numeric_limits<float>::infinity()),
      reach_(start_.size(), 0),
      norm_(start_.size(), 0),
      repeated_(codes, false) {
  std::memset(packed_.start(), 0, blocks_ * screening.block * depth_ * (screening.bfloat16 ? 2 : 4));
  std::unordered_set<std::string_view> seen;
  seen.reserve(codes);
  for (int64_t k = 0; k < codes; ++k)
    repeated_[k] =
        !seen.emplace(reinterpret_cast<const char*>(codebook + k * channels), channels * sizeof(float)).second;
  at::parallel_for(0, codes, 16, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; ++k) pack(k, screening);
  });
}

void PackedDictionary::pack(int64_t k, const kernels::Screening& screening) {
  const float* e = codebook + k * channels;
  const auto block = k / screening.block, place = k % screening.block;
  double squares = 0, lost = 0;
  for (int64_t d = 0; d < channels; ++d) squares += static_cast<double>(e[d]) * static_cast<double>(e[d]);
  half[k] = squares / 2;
  if (repeated_[k]) return;  // its start stays at -infinity
  const bool narrow = screening.bfloat16;
  const auto first = block * depth_ * screening.block;
  auto* pairs = narrow ? reinterpret_cast<at::BFloat16*>(packed_.start()) + first + place * 2 : nullptr;
  auto* floats = narrow ? nullptr : reinterpret_cast<float*>(packed_.start()) + first + place;
  for (int64_t d = 0; d < channels; ++d) {
    const float value = flushed(narrow ? static_cast<float>(at::BFloat16(e[d])) : e[d]);
    const double difference = static_cast<double>(e[d]) - static_cast<double>(value);
    lost += difference * difference;
    if (narrow)
      pairs[d / 2 * screening.block * 2 + d % 2] = value;
    else
      floats[d * screening.block] = value;
  }
  norm_[k] = above(std::sqrt(squares));
  reach_[k] = above(std::sqrt(lost) + rounding_ * std::sqrt(squares));
  start_[k] = above(-half[k] + rounding_ * half[k]);
}

kernels::Dictionary PackedDictionary::view() const {
  return {blocks_, depth_, packed_.start(), start_.data(), reach_.data(), norm_.data()};
}

double PackedDictionary::lower_bound(float bound, int32_t k, float norm, float residual) const {
  const double margin = static_cast<double>(norm) * static_cast<double>(reach_[k]) +
                        static_cast<double>(residual) * static_cast<double>(norm_[k]) + rounding_ * half[k];
  return static_cast<double>(bound) - 2.000001 * margin;
}

void PackedDictionary::append_lane(int64_t lane, std::vector<int32_t>& list) const {
  for (int64_t k = lane; k < codes; k += kernels::lanes)
    if (!repeated_[k]) list.push_back(static_cast<int32_t>(k));
}

}  // namespace fqgan::ops
