// Files with random damage: each is read, or refused with a reason; nothing else happens. The fuzz targets in fuzz/
// look longer; this looks at every test run (and, in CI, under sanitizers).
#ifdef FQGAN_DECODERS
#include <ATen/ops/arange.h>
#include <webp/encode.h>

#include <cstdio>
#include <random>
// libjpeg's header needs <cstdio> before it.
#include <jpeglib.h>

#include "data/make_files.h"
#include "fqgan/core/error.h"
#include "fqgan/data/archives/tar.h"
#include "fqgan/data/dataset.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/data/sources/dataset_json.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

constexpr int side = 24;

std::vector<uint8_t> rgb_pixels() {
  std::vector<uint8_t> pixels(side * side * 3);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * i / 7);
  return pixels;
}

std::string a_jpeg() {
  auto pixels = rgb_pixels();
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = jpeg.image_height = side;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  const std::string exif("Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 28);
  jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()), 28);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = pixels.data() + jpeg.next_scanline * side * 3;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string result(reinterpret_cast<char*>(bytes), size);
  jpeg_destroy_compress(&jpeg);
  std::free(bytes);
  return result;
}

std::string a_webp(bool lossless) {
  const auto pixels = rgb_pixels();
  uint8_t* bytes = nullptr;
  const size_t size = lossless ? WebPEncodeLosslessRGB(pixels.data(), side, side, side * 3, &bytes)
                               : WebPEncodeRGB(pixels.data(), side, side, side * 3, 75, &bytes);
  std::string result(reinterpret_cast<char*>(bytes), size);
  WebPFree(bytes);
  return result;
}

std::string a_png() {
  return encode_png(at::arange(3 * side * side, at::kLong).to(at::kByte).reshape({3, side, side}));
}

// `bytes` with some of its bytes changed, cut, doubled or taken out.
std::string damaged(std::string bytes, std::mt19937& random) {
  const int changes = 1 + static_cast<int>(random() % 4);
  for (int i = 0; i < changes && !bytes.empty(); ++i) {
    const size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, random() % 40));
        break;
      case 4:
        bytes.erase(at, random() % 8);
        break;
    }
  }
  return bytes;
}

TEST(Hostile, ImageFiles) {
  std::mt19937 random(1);
  for (const auto& whole : {a_png(), a_jpeg(), a_webp(true), a_webp(false)}) {
    EXPECT_EQ(decode_raster(whole).shape, (RasterShape{side, side, 3}));
    int refused = 0;
    for (int i = 0; i < 3000; ++i) {
      const auto bytes = damaged(whole, random);
      try {
        const auto announced = probe_raster(bytes, 1 << 20);
        const auto image = decode_raster(bytes, 1 << 20);
        EXPECT_EQ(image.shape, announced);
        EXPECT_EQ(static_cast<int64_t>(image.bytes.size()), announced.bytes());
      } catch (const DecodeError& error) {
        ++refused;
        EXPECT_STRNE(error.what(), "");
      }
    }
    EXPECT_GT(refused, 1000);
  }
}

// Every kind of file by its name; the set opens, or the error names the file.
TEST(Hostile, DataFiles) {
  TemporaryFolder folder;
  std::mt19937 random(2);
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"train-images-idx3-ubyte", idx_images(3, 5, 6)}, {"train-images-idx3-ubyte.gz", gzipped(idx_images(3, 5, 6))}};
  for (const auto& [name, whole] : kinds) {
    DataOptions options;
    options.path = (folder / name).string();
    for (int i = 0; i < 150; ++i) {
      write_bytes(folder / name, damaged(whole, random));
      try {
        EXPECT_GT(open_dataset(options)->info().images, 0);
      } catch (const UserError& error) {
        expect_names(error.what(), {name});
      }
    }
  }
}

TEST(Hostile, TarAndJson) {
  TemporaryFolder folder;
  std::mt19937 random(3);
  std::string tar(1024, '\0');
  tar.replace(0, 5, "a.bin");
  tar.replace(124, 4, "0004");
  tar.replace(148, 8, "  001243");
  tar.replace(512, 4, "meow");
  const std::string json = R"({"labels": [["00000/a.png", 2], ["00001/c.png", 0]], "class_names": ["x", "y", "z"]})";
  for (int i = 0; i < 300; ++i) {
    write_bytes(folder / "a.tar", damaged(tar, random));
    try {
      read_tar(folder / "a.tar", [](const std::string&) { return true; });
    } catch (const UserError& error) {
      expect_names(error.what(), {"a.tar"});
    }
    try {
      parse_dataset_json(damaged(json, random), "dataset.json");
    } catch (const UserError& error) {
      expect_names(error.what(), {"dataset.json"});
    }
  }
}

}  // namespace
}  // namespace fqgan::test
#endif
