// Resizing and fitting. The values marked "Pillow" come from Pillow's Image.resize on the same image.
#include "fqgan/data/images/resize.h"

#include "fqgan/data/images/fit.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

Raster ramp(int64_t height, int64_t width, int64_t channels) {
  Raster image({height, width, channels});
  for (size_t i = 0; i < image.bytes.size(); ++i) image.bytes[i] = static_cast<uint8_t>(i * 37 % 256);
  return image;
}

TEST(Resize, SameSizeIsTheSame) {
  const auto image = ramp(5, 6, 3);
  EXPECT_EQ(resize(image, 5, 6, ResizeFilter::bicubic).bytes, image.bytes);
}

TEST(Resize, AFlatImageStaysFlat) {
  Raster image({9, 14, 3});
  std::fill(image.bytes.begin(), image.bytes.end(), 200);
  for (const auto filter : {ResizeFilter::bicubic, ResizeFilter::lanczos}) {
    for (const auto& [height, width] : {std::pair{3, 5}, {20, 31}, {1, 1}, {9, 40}}) {
      const auto result = resize(image, height, width, filter);
      EXPECT_EQ(result.bytes, std::vector<uint8_t>(static_cast<size_t>(height * width * 3), 200));
    }
  }
}

TEST(Resize, InvisibleColoursDoNotBleed) {
  Raster image({1, 4, 4});
  image.bytes = {255, 0, 0, 0, 255, 0, 0, 0, 10, 20, 30, 255, 10, 20, 30, 255};  // two invisible reds, two visible
  const auto result = resize(image, 1, 2, ResizeFilter::bicubic);
  for (size_t i = 4; i < 7; ++i) EXPECT_NEAR(result.bytes[i], 10 * static_cast<int>(i - 3), 1);
}

TEST(Fit, PadScalesDownButNotUp) {
  FitTarget options{8, 8, Fit::pad, ResizeFilter::bicubic, 7};
  const auto small = fitted(ramp(2, 4, 1), options);
  EXPECT_EQ(small.shape, (RasterShape{8, 8, 1}));
  EXPECT_EQ(small.bytes[2 * 8 + 3], 7);
  for (size_t x = 0; x < 4; ++x) EXPECT_EQ(small.bytes[3 * 8 + 2 + x], x * 37);
  Raster wide({8, 32, 1});
  std::fill(wide.bytes.begin(), wide.bytes.end(), 100);
  const auto shrunk = fitted(wide, options);  // to 2 x 8, in the middle
  EXPECT_EQ(shrunk.bytes[2 * 8 + 4], 7);
  EXPECT_EQ(shrunk.bytes[3 * 8 + 4], 100);
  EXPECT_EQ(shrunk.bytes[4 * 8 + 0], 100);
  EXPECT_EQ(shrunk.bytes[5 * 8 + 4], 7);
}

TEST(Fit, PadAroundTransparencyIsTransparent) {
  Raster image({2, 2, 4});
  std::fill(image.bytes.begin(), image.bytes.end(), 255);
  const auto result = fitted(image, {4, 4, Fit::pad, ResizeFilter::bicubic, 0});
  EXPECT_EQ(result.bytes[3], 0);
  EXPECT_EQ(result.bytes[(1 * 4 + 1) * 4 + 3], 255);
}

TEST(Fit, CropKeepsTheMiddle) {
  Raster image({4, 12, 1});
  for (size_t i = 0; i < image.bytes.size(); ++i) image.bytes[i] = static_cast<uint8_t>(i % 12 * 20);
  const auto result = fitted(image, {4, 4, Fit::crop, ResizeFilter::bicubic, 0});  // no scaling: columns 4 to 7
  EXPECT_EQ(result.bytes[0], 80);
  EXPECT_EQ(result.bytes[3], 140);
  EXPECT_EQ(fitted(image, {8, 2, Fit::crop, ResizeFilter::lanczos, 0}).shape, (RasterShape{8, 2, 1}));
}

TEST(Fit, AThinStripIsCutBeforeItIsScaled) {
  Raster strip({1, 100000, 1});
  std::fill(strip.bytes.begin(), strip.bytes.end(), 9);
  const auto result = fitted(strip, {256, 256, Fit::crop, ResizeFilter::bicubic, 0});  // in full: 6.5 GB
  EXPECT_EQ(result.bytes, std::vector<uint8_t>(256 * 256, 9));
}

TEST(Fit, StretchHasTheTargetsShape) {
  EXPECT_EQ(fitted(ramp(5, 9, 3), {7, 3, Fit::stretch, ResizeFilter::lanczos, 0}).shape, (RasterShape{7, 3, 3}));
}

}  // namespace
}  // namespace fqgan::test
