// Drawing with the table of glyphs. UTF-8 is read only to count characters.
#include "fqgan/plot/font.h"

#include "fqgan/core/error.h"
#include "fqgan/plot/font_table.h"

namespace fqgan {
namespace {

static_assert(sizeof(font_table[0]) == glyph_height);

bool is_continuation(char byte) { return (static_cast<uint8_t>(byte) & 0xc0) == 0x80; }

// The number of bytes of a UTF-8 character, from its first byte; 1 if it is not UTF-8.
size_t character_bytes(char first) {
  const auto byte = static_cast<uint8_t>(first);
  return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

bool is_set(char character, int64_t row, int64_t column) {
  return font_table[character - ' '][row] >> (7 - column) & 1;
}

}  // namespace

std::string drawable(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    result += text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    const size_t end = i + character_bytes(text[i]);
    for (++i; i < end && i < text.size() && is_continuation(text[i]);) ++i;
  }
  return result;
}

void draw_text(at::Tensor picture, int64_t x, int64_t y, const std::string& text, int value) {
  FQGAN_CHECK(picture.dim() == 3 && picture.scalar_type() == at::kByte && picture.is_cpu(),
              "draw_text takes a uint8 picture C x H x W on the CPU");
  auto pixels = picture.accessor<uint8_t, 3>();
  const auto inside = [&](int64_t row, int64_t column) {
    return row >= 0 && row < pixels.size(1) && column >= 0 && column < pixels.size(2);
  };
  for (const char character : drawable(text)) {
    for (int64_t row = 0; row < glyph_height; ++row) {
      for (int64_t column = 0; column < glyph_width; ++column) {
        if (!is_set(character, row, column) || !inside(y + row, x + column)) continue;
        for (int64_t c = 0; c < pixels.size(0); ++c) pixels[c][y + row][x + column] = static_cast<uint8_t>(value);
      }
    }
    x += glyph_width;
  }
}

}  // namespace fqgan
