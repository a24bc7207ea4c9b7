// Text in pictures: a bitmap font for Latin-1, one size, one weight.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace fqgan {

inline constexpr int64_t glyph_width = 6, glyph_height = 13;  // pixels; the baseline is row 10, counted from 0

/// UTF-8 as draw_text takes it, one byte per character: Latin-1 (ISO 8859-1), and '?' for any other character.
std::string drawable(const std::string& text);

/// Draws `text`, which comes from drawable() or is ASCII, into `picture` (uint8 C x H x W, on the CPU): sets the pixels
/// of the letters, in every channel, to `value` (0 to 255). (x, y) is the upper left corner of the first character;
/// pixels outside of the picture are left out.
void draw_text(at::Tensor picture, int64_t x, int64_t y, const std::string& text, int value);

}  // namespace fqgan
