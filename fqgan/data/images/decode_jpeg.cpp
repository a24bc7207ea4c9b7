// Decodes JPEG by libjpeg-turbo with its accurate transform, as Pillow does. CMYK is read as Adobe writes it (inverted)
// and converted to RGB by Pillow's formula. The EXIF orientation is applied.
#ifdef FQGAN_DECODERS
#include <cstdio>
// libjpeg's headers need <cstdio> before them.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>

#include "fqgan/data/images/codecs.h"
#include "fqgan/data/images/orientation.h"

namespace fqgan {
namespace {

struct Reading {
  jpeg_error_mgr errors{};
  jpeg_decompress_struct jpeg{};
  std::jmp_buf on_error;
  char message[JMSG_LENGTH_MAX] = "";
  Raster raster;
  std::vector<uint8_t> row;
  Reading() { jpeg.err = jpeg_std_error(&errors); }
  ~Reading() { jpeg_destroy_decompress(&jpeg); }
};

Reading& reading_of(j_common_ptr jpeg) { return *static_cast<Reading*>(jpeg->client_data); }

void on_error(j_common_ptr jpeg) {
  auto& reading = reading_of(jpeg);
  jpeg->err->format_message(jpeg, reading.message);
  std::longjmp(reading.on_error, 1);
}

// Some of libjpeg's warnings mean damage that it hides by inventing pixels; they are errors here.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
      on_error(jpeg);
  }
}

/// The first EXIF block and the first XMP packet.
Metadata metadata_of(const jpeg_decompress_struct& jpeg) {
  constexpr std::string_view exif("Exif\0\0", 6), xmp("http://ns.adobe.com/xap/1.0/\0", 29);
  Metadata found;
  for (auto* marker = jpeg.marker_list; marker; marker = marker->next) {
    if (marker->marker != JPEG_APP0 + 1) continue;
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (found.exif.empty() && data.starts_with(exif)) found.exif = data;
    if (found.xmp.empty() && data.starts_with(xmp)) found.xmp = data.substr(xmp.size());
  }
  return found;
}

uint8_t multiplied(int a, int b) {
  const int product = a * b + 128;
  return static_cast<uint8_t>(((product >> 8) + product) >> 8);
}

// Inverted CMYK: 255 is no ink. The remaining light is (255 - k) (1 - ink).
void cmyk_row(const uint8_t* row, int64_t width, uint8_t* rgb) {
  for (int64_t x = 0; x < width; ++x, row += 4, rgb += 3) {
    const int light = row[3];
    for (int c = 0; c < 3; ++c) {
      const int left = light - multiplied(255 - row[c], light);
      rgb[c] = static_cast<uint8_t>(left < 0 ? 0 : left);
    }
  }
}

void choose_colours(jpeg_decompress_struct& jpeg, RasterShape& shape) {
  switch (jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE:
      jpeg.out_color_space = JCS_GRAYSCALE;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      jpeg.out_color_space = JCS_CMYK;
      break;
    default:
      jpeg.out_color_space = JCS_RGB;
  }
  shape = {jpeg.image_height, jpeg.image_width, jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3};
}

void read_rows(Reading& reading) {
  auto& jpeg = reading.jpeg;
  const auto& shape = reading.raster.shape;
  while (jpeg.output_scanline < jpeg.output_height) {
    uint8_t* to = reading.raster.bytes.data() + int64_t{jpeg.output_scanline} * shape.width * shape.channels;
    JSAMPROW row = reading.row.empty() ? to : reading.row.data();
    jpeg_read_scanlines(&jpeg, &row, 1);
    if (!reading.row.empty()) cmyk_row(reading.row.data(), shape.width, to);
  }
}

}  // namespace

Raster decode_jpeg(const DecodeTask& task) {
  Reading reading;
  reading.errors.error_exit = on_error;
  reading.errors.emit_message = on_message;
  reading.jpeg.client_data = &reading;
  // From here on no object with a destructor is created, because libjpeg may longjmp over it.
  if (setjmp(reading.on_error)) throw DecodeError(std::string("damaged JPEG (") + reading.message + ")");
  jpeg_create_decompress(&reading.jpeg);
  jpeg_save_markers(&reading.jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_mem_src(&reading.jpeg, reinterpret_cast<const unsigned char*>(task.bytes.data()), task.bytes.size());
  jpeg_read_header(&reading.jpeg, TRUE);
  choose_colours(reading.jpeg, reading.raster.shape);
  check_pixels(reading.raster.shape.height, reading.raster.shape.width, task.max_pixels);
  const int orientation = orientation_of(metadata_of(reading.jpeg));
  if (task.shape_only) {
    reading.raster.shape = upright(reading.raster.shape, orientation);
    return std::move(reading.raster);
  }
  reading.raster = Raster(reading.raster.shape);
  if (reading.jpeg.out_color_space == JCS_CMYK) reading.row.resize(static_cast<size_t>(reading.raster.shape.width * 4));
  jpeg_start_decompress(&reading.jpeg);
  read_rows(reading);
  jpeg_finish_decompress(&reading.jpeg);
  return upright(std::move(reading.raster), orientation);
}

}  // namespace fqgan
#endif
