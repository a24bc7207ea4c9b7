#include "fqgan/data/images/image_file.h"

#include <ATen/ops/empty.h>
#include <zlib.h>

#include <algorithm>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/data/images/decode.h"

namespace fqgan {
namespace {

void append_number(std::string& to, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>(value >> shift & 0xff));
}

void append_chunk(std::string& png, const char* type, const std::string& data) {
  append_number(png, static_cast<uint32_t>(data.size()));
  const std::string body = type + data;
  png += body;
  append_number(png, static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size())));
}

std::string deflated(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string result(size, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(result.data()), &size,
                               reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 6);
  FQGAN_CHECK(status == Z_OK, "deflate failed");
  result.resize(size);
  return result;
}

// Rows as PNG stores them, each after the number of its filter; filter 1 is the difference to the pixel on the left.
std::string filtered_rows(const at::Tensor& pixels) {
  const int64_t channels = pixels.size(0), height = pixels.size(1), width = pixels.size(2);
  const auto interleaved = pixels.permute({1, 2, 0}).contiguous();  // H x W x C
  const auto* bytes = interleaved.const_data_ptr<uint8_t>();
  std::string rows;
  rows.reserve(static_cast<size_t>(height * (width * channels + 1)));
  for (int64_t y = 0; y < height; ++y, bytes += width * channels) {
    rows.push_back(1);
    for (int64_t i = 0; i < width * channels; ++i) {
      rows.push_back(static_cast<char>(bytes[i] - (i < channels ? 0 : bytes[i - channels])));
    }
  }
  return rows;
}

}  // namespace

std::string encode_png(const at::Tensor& pixels) {
  const bool fits = pixels.dim() == 3 && pixels.scalar_type() == at::kByte && pixels.numel() > 0;
  const int64_t channels = fits ? pixels.size(0) : 0;
  FQGAN_CHECK(channels == 1 || channels == 3 || channels == 4, "encode_png takes uint8 C x H x W with C = 1, 3 or 4");
  std::string header;
  append_number(header, static_cast<uint32_t>(pixels.size(2)));
  append_number(header, static_cast<uint32_t>(pixels.size(1)));
  header += '\x08';
  header += channels == 1 ? '\0' : channels == 3 ? '\2' : '\6';  // colour type: gray, RGB, RGBA
  header += std::string(3, '\0');                                // deflate, the standard filters, not interlaced
  std::string png = "\x89PNG\r\n\x1a\n";
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", deflated(filtered_rows(pixels.cpu())));
  append_chunk(png, "IEND", "");
  return png;
}

void write_png(const std::string& path, const at::Tensor& pixels) { write_file_atomically(path, encode_png(pixels)); }

at::Tensor decode_image(std::string_view bytes, const std::string& name) {
  try {
    const Raster raster = decode_raster(bytes);
    auto pixels = at::empty({raster.shape.height, raster.shape.width, raster.shape.channels}, at::kByte);
    std::copy(raster.bytes.begin(), raster.bytes.end(), pixels.mutable_data_ptr<uint8_t>());
    return pixels.permute({2, 0, 1});
  } catch (const DecodeError& error) {
    fail("data", name + ": " + error.what());
  }
}

}  // namespace fqgan
