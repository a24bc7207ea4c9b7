#include "fqgan/data/images/decode.h"

#include <algorithm>
#include <cctype>

#include "fqgan/core/error.h"
#include "fqgan/data/images/codecs.h"

namespace fqgan {
namespace {

bool contains_at(std::string_view bytes, size_t at, std::string_view magic) {
  return bytes.size() >= at + magic.size() && bytes.substr(at, magic.size()) == magic;
}
bool is_png(std::string_view bytes) { return contains_at(bytes, 0, "\x89PNG\r\n\x1a\n"); }
bool is_jpeg(std::string_view bytes) { return contains_at(bytes, 0, "\xff\xd8\xff"); }
bool is_webp(std::string_view bytes) { return contains_at(bytes, 0, "RIFF") && contains_at(bytes, 8, "WEBP"); }

Raster decode(const DecodeTask& task) {
  if (task.bytes.empty()) throw DecodeError("the file is empty");
  if (!begins_as_image(task.bytes)) throw DecodeError("neither PNG, JPEG nor WebP");
#ifdef FQGAN_DECODERS
  if (is_png(task.bytes)) return decode_png(task);
  if (is_jpeg(task.bytes)) return decode_jpeg(task);
  return decode_webp(task);
#else
  throw DecodeError("this build has no image decoders. Hint: build with -DFQGAN_DECODERS=ON");
#endif
}

}  // namespace

Raster decode_raster(std::string_view bytes, int64_t max_pixels) { return decode({bytes, max_pixels, false, true}); }

RasterShape probe_raster(std::string_view bytes, int64_t max_pixels, bool whole) {
  return decode({bytes, max_pixels, true, whole}).shape;
}

bool begins_as_image(std::string_view bytes) { return is_png(bytes) || is_jpeg(bytes) || is_webp(bytes); }

bool has_image_extension(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string extension(name.substr(dot + 1));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  constexpr std::string_view known[] = {"png", "jpg", "jpeg", "jpe", "jfif", "jif", "jfi", "webp"};
  return std::find(std::begin(known), std::end(known), extension) != std::end(known);
}

void check_pixels(int64_t height, int64_t width, int64_t max_pixels) {
  if (height < 1 || width < 1) throw DecodeError("no pixels");
  if (height > max_pixels / width) {
    throw DecodeError("expected at most " + std::to_string(max_pixels) + " pixels, got " + std::to_string(width) + "x" +
                      std::to_string(height) + ". Hint: raise data.max_pixels");
  }
}

}  // namespace fqgan
