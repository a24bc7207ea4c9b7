// A dictionary made ready for screening: packed codes, and for each code the terms of an upper bound of its score.
//
// The score of row x with code e is S = x.e - |e|^2 / 2; the nearest code has the highest. Screening computes
//   B = start + |x'| reach + |x - x'| norm + x'.e'
// where x' and e' are what is left after rounding to the screening type, norm = |e|, reach = |e - e'| + g |e| and
// start = -(1 - g) |e|^2 / 2, and g = 2 (D + 8) 2^-23 covers the float32 rounding of the sum. By Cauchy and Schwarz
//   S <= B <= S + 2 (|x'| reach + |x - x'| norm + g |e|^2 / 2),
// so a code whose B is under the lower bound of another cannot be the nearest. What remains is settled in double.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "fqgan/ops/kernels/screening.h"
#include "fqgan/ops/scratch.h"

namespace fqgan::ops {

class PackedDictionary {
 public:
  /// codebook: float32 K x D, contiguous; it must outlive this. Codes that are equal bit for bit are packed once, as
  /// the lowest of them.
  PackedDictionary(const at::Tensor& codebook, const kernels::Screening& screening);

  kernels::Dictionary view() const;
  /// A lower bound of the score of `code`, whose upper bound is `bound`.
  double lower_bound(float bound, int32_t code, float norm, float residual) const;
  /// All codes that compete in a lane.
  void append_lane(int64_t lane, std::vector<int32_t>& codes) const;

  const float* codebook;
  int64_t codes, channels;
  std::vector<double> half;  // |e|^2 / 2

 private:
  void pack(int64_t code, const kernels::Screening& screening);

  int64_t blocks_, depth_;
  double rounding_;  // g
  Scratch packed_;
  std::vector<float> start_, reach_, norm_;
  std::vector<bool> repeated_;
};

}  // namespace fqgan::ops
