// Decodes PNG by libpng to 8 bits: palettes and small depths are expanded, 16 bits scaled, gray + alpha becomes RGBA.
// The EXIF orientation is applied.
#ifdef FQGAN_DECODERS
#include <png.h>

#include <csetjmp>
#include <cstring>

#include "fqgan/data/images/codecs.h"
#include "fqgan/data/images/png_chunks.h"

namespace fqgan {
namespace {

// Everything that must survive libpng's longjmp, as members of an object in the caller's frame.
struct Reading {
  std::string_view bytes;
  size_t at = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string error;
  Raster raster;
  std::vector<png_bytep> rows;
  ~Reading() { png_destroy_read_struct(&png, &info, nullptr); }
};

void take(png_structp png, png_bytep to, size_t count) {
  auto& reading = *static_cast<Reading*>(png_get_io_ptr(png));
  if (count > reading.bytes.size() - reading.at) png_error(png, "truncated");
  std::memcpy(to, reading.bytes.data() + reading.at, count);
  reading.at += count;
}

void on_error(png_structp png, png_const_charp message) {
  static_cast<Reading*>(png_get_error_ptr(png))->error = message;
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void ask_for_8_bits(png_structp png, png_infop info) {
  const int type = png_get_color_type(png, info);
  png_set_expand(png);  // palette to RGB, 1, 2, 4 bits to 8, transparent colour to alpha
  png_set_scale_16(png);
  const bool transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  if (type == PNG_COLOR_TYPE_GRAY_ALPHA || (type == PNG_COLOR_TYPE_GRAY && transparent)) png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

void size_raster(Reading& reading, const DecodeTask& task) {
  auto& shape = reading.raster.shape;
  shape.channels = png_get_channels(reading.png, reading.info);
  if (task.shape_only) return;
  reading.raster = Raster(shape);
  reading.rows.resize(static_cast<size_t>(shape.height));
  for (int64_t y = 0; y < shape.height; ++y) {
    reading.rows[static_cast<size_t>(y)] = reading.raster.bytes.data() + y * shape.width * shape.channels;
  }
}

/// Whether all rows are in the raster. What libpng finds behind them does not matter, as in Pillow.
bool has_all_rows(const Reading& reading) {
  if (reading.rows.empty()) return false;
  if (png_get_interlace_type(reading.png, reading.info) != PNG_INTERLACE_NONE)
    return png_get_current_pass_number(reading.png) == PNG_INTERLACE_ADAM7_PASSES;
  return png_get_current_row_number(reading.png) == reading.rows.size();
}

Raster decode_pixels(const DecodeTask& task) {
  Reading reading;
  reading.bytes = task.bytes;
  reading.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, on_error, on_warning);
  reading.info = reading.png ? png_create_info_struct(reading.png) : nullptr;
  if (!reading.info) throw DecodeError("libpng: out of memory");
  // From here on no object with a destructor is created, because a longjmp would skip it.
  if (setjmp(png_jmpbuf(reading.png))) {
    if (!has_all_rows(reading)) throw DecodeError("damaged PNG (" + reading.error + ")");
    return std::move(reading.raster);
  }
  png_set_read_fn(reading.png, &reading, take);
  png_set_crc_action(reading.png, PNG_CRC_DEFAULT, PNG_CRC_QUIET_USE);
  png_set_user_limits(reading.png, 0x7fffffff, 0x7fffffff);  // check_pixels limits the product
  png_set_chunk_malloc_max(reading.png, 64 << 20);
  png_read_info(reading.png, reading.info);
  reading.raster.shape.height = png_get_image_height(reading.png, reading.info);
  reading.raster.shape.width = png_get_image_width(reading.png, reading.info);
  check_pixels(reading.raster.shape.height, reading.raster.shape.width, task.max_pixels);
  ask_for_8_bits(reading.png, reading.info);
  size_raster(reading, task);
  // Pillow does not read the checksums of image data.
  png_set_crc_action(reading.png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
  if (!task.shape_only) png_read_image(reading.png, reading.rows.data());
  return std::move(reading.raster);
}

}  // namespace

Raster decode_png(const DecodeTask& task) {
  if (task.shape_only) {
    auto raster = decode_pixels(task);
    if (raster.shape.height == raster.shape.width) return raster;
    const auto chunks = read_png_chunks(task.bytes);
    // The orientation may be behind the pixels.
    if (!task.whole && !chunks.ended) throw DecodeError("damaged PNG (truncated)");
    raster.shape = upright(raster.shape, orientation_of(chunks.metadata));
    return raster;
  }
  const auto chunks = read_png_chunks(task.bytes);
  const auto closed = chunks.cut ? closed_png(task.bytes) : std::string();
  return upright(decode_pixels(chunks.cut ? DecodeTask{closed, task.max_pixels, false, true} : task),
                 orientation_of(chunks.metadata));
}

}  // namespace fqgan
#endif
