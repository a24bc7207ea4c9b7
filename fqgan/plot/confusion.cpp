#include "fqgan/plot/confusion.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/plot/font.h"

namespace fqgan {
namespace {

constexpr int64_t most_classes = 100, most_name = 24, gap = 1, margin = 4;  // classes, characters, pixels

int64_t width_of(const std::string& text) { return std::ssize(text) * glyph_width; }

/// The colour of a cell: from white to blue (orange off the diagonal) by the fraction of the row.
void shade(at::Tensor cell, double fraction, bool right) {
  const double full[2][3] = {{213, 94, 0}, {0, 114, 178}};
  const double strength = fraction > 0 ? 0.1 + 0.9 * fraction : 0;
  for (int64_t c = 0; c < 3; ++c) cell[c].fill_(255 + strength * (full[right][c] - 255));
}

}  // namespace

at::Tensor draw_confusion(const at::Tensor& counts, const std::vector<std::string>& names) {
  const auto classes = counts.size(0);
  if (classes > most_classes)
    fail("confusion matrix", "expected at most 100 classes for a picture, got " + std::to_string(classes));
  std::vector<std::string> shown;
  int64_t widest_name = 0, widest = 0;
  for (int64_t k = 0; k < classes; ++k) {
    const auto number = std::to_string(k), name = drawable(names.at(k)).substr(0, most_name);
    shown.push_back(name == number ? number : number + " " + name);
    widest_name = std::max(widest_name, width_of(shown.back()));
    for (int64_t j = 0; j < classes; ++j)
      widest = std::max(widest, width_of(std::to_string(counts[k][j].item<int64_t>())));
  }
  const auto side = std::max(widest, glyph_height) + 2 * margin, left = widest_name + 2 * margin,
             top = glyph_height + 2 * margin, step = side + gap;
  auto picture = at::full({3, top + classes * step + margin, left + classes * step + margin}, 255, at::kByte);
  const auto sums = counts.sum(1).clamp_min(1);
  for (int64_t k = 0; k < classes; ++k) {
    const auto middle = (side - glyph_height) / 2, y = top + k * step, x = left + k * step;
    const auto number = std::to_string(k);
    draw_text(picture, margin, y + middle, shown[k], 40);
    draw_text(picture, x + (side - width_of(number)) / 2, margin, number, 40);
    for (int64_t j = 0; j < classes; ++j) {
      const auto count = counts[k][j].item<int64_t>();
      const double fraction = static_cast<double>(count) / sums[k].item<double>();
      const auto at = left + j * step;
      shade(picture.narrow(1, y, side).narrow(2, at, side), fraction, k == j);
      const auto text = std::to_string(count);
      if (count) draw_text(picture, at + (side - width_of(text)) / 2, y + middle, text, fraction > 0.5 ? 255 : 40);
    }
  }
  return picture;
}

}  // namespace fqgan
