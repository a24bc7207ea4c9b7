// Drawing with the table of glyphs.
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

// The characters of the table: printable ASCII, and those of Latin-1 from U+00A0 on.
bool is_drawable(int code) { return (code >= ' ' && code <= '~') || (code >= 0xa0 && code <= 0xff); }

// A two-byte UTF-8 character below U+0100 begins with one of two bytes.
bool begins_latin_1(char first) { return first == '\xc2' || first == '\xc3'; }

bool is_set(char character, int64_t row, int64_t column) {
  const int code = static_cast<uint8_t>(character);
  return is_drawable(code) && (font_table[code - ' '][row] >> (7 - column) & 1);
}

}  // namespace

std::string drawable(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    int code = static_cast<uint8_t>(text[i]);
    if (begins_latin_1(text[i]) && i + 1 < text.size() && is_continuation(text[i + 1]))
      code = (code & 0x03) << 6 | (text[i + 1] & 0x3f);
    else if (code >= 0x80)
      code = 0;
    result += is_drawable(code) ? static_cast<char>(code) : '?';
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
  for (const char character : text) {
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
