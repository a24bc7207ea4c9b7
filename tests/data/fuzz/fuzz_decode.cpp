// libFuzzer target: image bytes to pixels (PNG, JPEG, WebP) and their headers.
#include "fqgan/data/images/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr int64_t max_pixels = 1 << 20;
  fqgan::RasterShape announced;
  try {
    announced = fqgan::probe_raster(bytes, max_pixels);
    const auto image = fqgan::decode_raster(bytes, max_pixels);
    if (image.shape != announced) __builtin_trap();
    if (static_cast<int64_t>(image.bytes.size()) != image.shape.bytes()) __builtin_trap();
  } catch (const fqgan::DecodeError&) {
  }
  return 0;
}
