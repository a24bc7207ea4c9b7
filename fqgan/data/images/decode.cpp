#include "fqgan/data/images/decode.h"

#include <algorithm>
#include <cctype>

#include "fqgan/core/error.h"
#include "fqgan/data/images/codecs.h"

namespace fqgan {
namespace {

Raster decode(const DecodeTask& task) {
  const auto begins = [&](std::string_view magic, size_t at = 0) {
    return task.bytes.size() >= at + magic.size() && task.bytes.substr(at, magic.size()) == magic;
  };
  const bool png = begins("\x89PNG\r\n\x1a\n"), jpeg = begins("\xff\xd8\xff"),
             webp = begins("RIFF") && begins("WEBP", 8);
  if (task.bytes.empty()) throw DecodeError("the file is empty");
  if (!png && !jpeg && !webp) throw DecodeError("neither PNG, JPEG nor WebP");
#ifdef FQGAN_DECODERS
  if (png) return decode_png(task);
  if (jpeg) return decode_jpeg(task);
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

bool has_image_extension(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string extension(name.substr(dot + 1));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension == "png" || extension == "jpg" || extension == "jpeg" || extension == "jpe" || extension == "webp";
}

void check_pixels(int64_t height, int64_t width, int64_t max_pixels) {
  if (height < 1 || width < 1) throw DecodeError("no pixels");
  if (height > max_pixels / width) {
    throw DecodeError("expected at most " + std::to_string(max_pixels) + " pixels, got " + std::to_string(width) + "x" +
                      std::to_string(height) + ". Hint: raise data.max_pixels");
  }
}

}  // namespace fqgan
