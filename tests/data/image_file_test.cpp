// PNG out and in again; damaged and hostile image files.
#include "fqgan/data/images/image_file.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/images/orientation.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(EncodePng, RefusesOtherTensors) {
  EXPECT_THROW(encode_png(at::zeros({2, 4, 4}, at::kByte)), InternalError);
  EXPECT_THROW(encode_png(at::zeros({3, 4, 4})), InternalError);
  EXPECT_THROW(encode_png(at::zeros({4, 4}, at::kByte)), InternalError);
}

TEST(EncodePng, StartsAsAPngDoes) {
  const auto png = encode_png(at::zeros({3, 2, 5}, at::kByte));
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png.substr(12, 4), "IHDR");
  EXPECT_EQ(png.substr(16, 8), std::string("\0\0\0\5\0\0\0\2", 8));  // width, height
  EXPECT_EQ(png.substr(png.size() - 8, 4), "IEND");
}

#ifdef FQGAN_DECODERS

TEST(EncodePng, ComesBackAsItWas) {
  for (const int64_t channels : {1, 3, 4}) {
    const auto pixels = at::randint(0, 256, {channels, 13, 7}, at::kByte);
    EXPECT_TRUE(decode_image(encode_png(pixels), "it").equal(pixels)) << channels;
    const auto turned = pixels.transpose(1, 2);  // not contiguous
    EXPECT_TRUE(decode_image(encode_png(turned), "it").equal(turned)) << channels;
  }
}

TEST(EncodePng, WritesTheFile) {
  TemporaryFolder folder;
  const auto pixels = at::randint(0, 256, {3, 5, 6}, at::kByte);
  write_png(folder / "it.png", pixels);
  EXPECT_TRUE(decode_image(read_file(folder / "it.png"), "it").equal(pixels));
}

TEST(Decode, DamageIsNamed) {
  const auto png = encode_png(at::randint(0, 256, {3, 20, 20}, at::kByte));
  expect_error<UserError>([&] { decode_image(png.substr(0, 300), "cat.png"); }, {"cat.png"});
  expect_error<UserError>([&] { decode_image("", "cat.png"); }, {"cat.png", "empty"});
  expect_error<UserError>([&] { decode_image("GIF89a", "cat.gif"); }, {"PNG", "JPEG", "WebP"});
  auto flipped = png;
  flipped[100] ^= 1;
  EXPECT_THROW(decode_image(flipped, "it"), UserError);  // the chunk's checksum
}

TEST(Decode, EveryTruncationIsAnErrorOrTheWhole) {
  const auto png = encode_png(at::randint(0, 256, {1, 6, 6}, at::kByte));
  const auto whole = decode_raster(png);
  size_t refused = 0;
  for (size_t length = 0; length < png.size(); ++length) {  // behind the last row nothing is needed
    try {
      EXPECT_EQ(decode_raster(std::string_view(png).substr(0, length)).bytes, whole.bytes) << length;
    } catch (const DecodeError&) {
      EXPECT_EQ(refused++, length);
    }
  }
  EXPECT_GT(refused, png.size() / 2);
}

TEST(Decode, ManyPixelsAreRefusedBeforeTheyTakeMemory) {
  const auto png = encode_png(at::zeros({1, 50, 50}, at::kByte));
  EXPECT_EQ(decode_raster(png, 2500).shape.height, 50);
  EXPECT_THROW(decode_raster(png, 2499), DecodeError);
  EXPECT_THROW(probe_raster(png, 2499), DecodeError);
}

#endif

// The corners of the 2 x 3 image 0 1 2 / 3 4 5, seen upright, by the EXIF standard's table.
TEST(Orientation, AllEight) {
  Raster image({2, 3, 1});
  for (size_t i = 0; i < 6; ++i) image.bytes[i] = static_cast<uint8_t>(i);
  const std::vector<uint8_t> expected[9] = {{},
                                            {0, 1, 2, 3, 4, 5},
                                            {2, 1, 0, 5, 4, 3},
                                            {5, 4, 3, 2, 1, 0},
                                            {3, 4, 5, 0, 1, 2},
                                            {0, 3, 1, 4, 2, 5},
                                            {3, 0, 4, 1, 5, 2},
                                            {5, 2, 4, 1, 3, 0},
                                            {2, 5, 1, 4, 0, 3}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto seen = upright(image, orientation);
    EXPECT_EQ(seen.bytes, expected[orientation]) << orientation;
    EXPECT_EQ(seen.shape.height, orientation > 4 ? 3 : 2);
  }
}

TEST(Orientation, FromExif) {
  const std::string intel("Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 28);
  const std::string motorola("Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 28);
  EXPECT_EQ(orientation_of({intel, ""}), 6);
  EXPECT_EQ(orientation_of({intel.substr(6), ""}), 6);
  EXPECT_EQ(orientation_of({motorola, ""}), 8);
  for (size_t length = 0; length < 26; ++length) EXPECT_EQ(orientation_of({intel.substr(0, length), ""}), 1) << length;
  EXPECT_EQ(orientation_of({"nothing of the kind", ""}), 1);
}

TEST(Orientation, FromXmpIfExifHasNone) {
  const std::string exif("II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22);
  EXPECT_EQ(orientation_of({"", "<a tiff:Orientation=\"3\"/>"}), 3);
  EXPECT_EQ(orientation_of({"", "<tiff:Orientation>5</tiff:Orientation>"}), 5);
  EXPECT_EQ(orientation_of({"", "tiff:Orientation"}), 1);
  EXPECT_EQ(orientation_of({exif, "<a tiff:Orientation=\"3\"/>"}), 6);
}

}  // namespace
}  // namespace fqgan::test
