// The search for the nearest of K codes (ops/nearest.h): a panel of rows is screened against a packed dictionary, which
// leaves a few candidates per row.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

constexpr int64_t panel_rows = 96;  // rows that are screened together
constexpr int64_t lanes = 16;       // code k competes in lane k % 16
constexpr int64_t depth_step = 32;  // packed rows and codes are padded with zeros to a multiple of it

/// A dictionary packed for screening, padded to whole blocks of codes.
struct Dictionary {
  int64_t blocks, depth;              // depth: D padded to depth_step
  const void* packed;                 // float32 [blocks][depth][block], or bfloat16 [blocks][depth / 2][block][2]
  const float *start, *reach, *norm;  // a code's terms of the upper bound below
};

/// Rows as they are screened: float32 or bfloat16, count x stride, zeros from D to the dictionary's depth.
struct Panel {
  const void* rows;
  int64_t count, stride;
  const float *norm, *residual;  // |row| as stored here, and |row - what it was rounded from|: upper bounds
};

/// Per row of a panel and lane: the highest upper bound, its code, and the second highest. panel_rows x lanes.
struct Leaders {
  float *best, *second;
  int32_t* code;
};

struct Screening {
  /// Upper bounds of the scores x.e - |e|^2 / 2: start + norm(x) reach + residual(x) norm(e) + <stored x, stored e>.
  /// dictionary.cpp says why they are bounds.
  void (*screen)(const Dictionary&, const Panel&, const Leaders&);
  int64_t block;           // codes of a block
  bool bfloat16;           // else float32
  const Screening* finer;  // screens in float32 the rows that bfloat16 leaves open; null: this is float32 already
};

}  // namespace fqgan::ops::kernels
