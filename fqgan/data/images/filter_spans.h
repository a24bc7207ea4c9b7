// The antialiased filters of Pillow's `Image.resize`: bicubic (a = -0.5) and Lanczos (three lobes).
#pragma once

#include <cstdint>
#include <vector>

namespace fqgan {

enum class ResizeFilter { bicubic, lanczos };

/// The input pixels of an output pixel, and their weights, of sum 1.
struct FilterSpan {
  int64_t first = 0;
  std::vector<double> weights;
};

/// One for each of the `to` output pixels of a line of `from` pixels.
std::vector<FilterSpan> filter_spans(int64_t from, int64_t to, ResizeFilter filter);

}  // namespace fqgan
