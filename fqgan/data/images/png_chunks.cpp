#include "fqgan/data/images/png_chunks.h"

#ifdef FQGAN_DECODERS
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "fqgan/data/images/decode.h"

namespace fqgan {
namespace {

constexpr size_t first_chunk = 8;  // behind the signature

struct Chunk {
  std::string_view type, data;
  size_t begin = 0, next = 0;  // its place, and that of the chunk behind its checksum
  bool whole = false;          // its data are complete
};

/// The chunk at a place; nothing at the end, and where none begins.
std::optional<Chunk> chunk_at(std::string_view bytes, size_t at) {
  if (at > bytes.size() || bytes.size() - at < 8) return std::nullopt;
  Chunk chunk;
  size_t length = 0;
  for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(bytes[at + i]);
  chunk.type = bytes.substr(at + 4, 4);
  for (const unsigned char c : chunk.type)
    if (!std::isalnum(c) && c != '_') return std::nullopt;
  chunk.begin = at;
  chunk.next = at + 12 + length;
  chunk.data = bytes.substr(at + 8, length);
  chunk.whole = chunk.data.size() == length;
  return chunk;
}

std::string inflated_text(std::string_view stream) {
  constexpr size_t limit = 1 << 20;  // Pillow's
  std::string text(limit, '\0');
  z_stream state{};
  if (inflateInit(&state) != Z_OK) throw DecodeError("zlib: out of memory");
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(stream.data()));
  state.avail_in = static_cast<uInt>(stream.size());
  state.next_out = reinterpret_cast<Bytef*>(text.data());
  state.avail_out = static_cast<uInt>(limit);
  inflate(&state, Z_FINISH);
  text.resize(limit - state.avail_out);
  inflateEnd(&state);
  return text;
}

/// Splits at the first zero byte; the second part is empty if there is none.
std::pair<std::string_view, std::string_view> split(std::string_view text) {
  const auto zero = text.find('\0');
  if (zero == text.npos) return {text, {}};
  return {text.substr(0, zero), text.substr(zero + 1)};
}

/// The EXIF block of ImageMagick's text form: three lines ("", "exif", its size), then hexadecimal digits.
std::string exif_of_profile(const std::string& profile) {
  size_t at = 0;
  for (int line = 0; line < 3 && at != std::string::npos; ++line) at = profile.find('\n', at + (line > 0));
  if (at == std::string::npos) return "";
  std::string digits, exif;
  std::copy_if(profile.begin() + static_cast<int64_t>(at), profile.end(), std::back_inserter(digits),
               [](unsigned char c) { return !std::isspace(c); });
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    if (!std::isxdigit(static_cast<unsigned char>(digits[i])) ||
        !std::isxdigit(static_cast<unsigned char>(digits[i + 1])))
      return "";
    exif.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return exif;
}

/// What the chunks say; later ones replace earlier ones.
struct Found {
  std::optional<std::string> exif, profile;
  std::string xmp;

  void add_text(std::string_view key, std::string_view text, bool compressed) {
    const bool is_profile = key == "Raw profile type exif", is_xmp = key == "XML:com.adobe.xmp";
    if (!is_profile && !is_xmp) return;
    auto value = compressed ? inflated_text(text) : std::string(text);
    if (is_profile)
      profile = std::move(value);
    else
      xmp = std::move(value);
  }
  void add(const Chunk& chunk) {
    if (chunk.type == "eXIf") exif = chunk.data;
    const auto [key, rest] = split(chunk.data);
    if (chunk.type == "tEXt") add_text(key, rest, false);
    if (rest.size() < 2) return;
    if (chunk.type == "zTXt" && rest[0] == 0) add_text(key, rest.substr(1), true);
    if (chunk.type == "iTXt" && rest[1] == 0) add_text(key, split(split(rest.substr(2)).second).second, rest[0] != 0);
  }
  Metadata metadata() const { return {exif ? *exif : profile ? exif_of_profile(*profile) : std::string(), xmp}; }
};

}  // namespace

PngChunks read_png_chunks(std::string_view bytes) {
  PngChunks result;
  Found found;
  enum { before, within, behind } pixels = before;
  bool animated = false;
  for (auto chunk = chunk_at(bytes, first_chunk); chunk; chunk = chunk_at(bytes, chunk->next)) {
    if (chunk->type == "IDAT" && pixels != behind)
      pixels = within;
    else if (pixels == within)
      pixels = behind;
    result.ended = chunk->type == "IEND";
    if (result.ended || (pixels == behind && animated && chunk->type == "fcTL"))
      break;  // only the first picture counts
    if (pixels == within)
      result.cut = chunk->next > bytes.size();
    else if (!chunk->whole)
      throw DecodeError("damaged PNG (truncated)");
    animated = animated || chunk->type == "acTL";
    found.add(*chunk);
  }
  result.metadata = found.metadata();
  return result;
}

std::string closed_png(std::string_view bytes) {
  Chunk last;
  for (auto chunk = chunk_at(bytes, first_chunk); chunk; chunk = chunk_at(bytes, chunk->next)) last = *chunk;
  std::string copy(bytes.substr(0, last.begin));
  for (int shift = 24; shift >= 0; shift -= 8) copy.push_back(static_cast<char>(last.data.size() >> shift & 0xff));
  return copy.append("IDAT").append(last.data).append(4, '\0');  // the checksum is not read
}

}  // namespace fqgan
#endif
