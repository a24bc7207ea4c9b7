// Text in pictures: a bitmap font for printable ASCII, one size, one weight.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace fqgan {

inline constexpr int64_t glyph_width = 6, glyph_height = 13;  // pixels; letters stand on row 10, counted from 0

/// What draw_text shows, one byte a character: printable ASCII as it is, any other UTF-8 character as '?'.
std::string drawable(const std::string& text);

/// Draws into `picture` (uint8 C x H x W, on the CPU): sets the pixels of the letters, in every channel, to `value`
/// (0..255). (x, y) is the upper left corner of the first character; what lies outside of the picture is left out.
void draw_text(at::Tensor picture, int64_t x, int64_t y, const std::string& text, int value);

}  // namespace fqgan
