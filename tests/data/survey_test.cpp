// What inspect says of a data set.
#include "fqgan/data/survey.h"

#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>

#include <nlohmann/json.hpp>

#include "data/make_files.h"
#include "fqgan/data/fit_report.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/data/images/resize.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

Raster smooth(int64_t seed) {
  Raster image({40, 40, 3});
  for (int64_t y = 0; y < 40; ++y) {
    for (int64_t x = 0; x < 40; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        image.bytes[static_cast<size_t>((y * 40 + x) * 3 + c)] = static_cast<uint8_t>(
            128 + 60 * std::sin(x * (1 + seed % 5) * .1 + seed) + 60 * std::cos(y * (1 + seed % 7) * .1));
      }
    }
  }
  return image;
}

TEST(Fingerprint, FindsTheSamePictureInAnotherSize) {
  std::vector<Fingerprint> images;
  for (int64_t seed = 0; seed < 30; ++seed) images.push_back(fingerprint_of(smooth(seed)));
  EXPECT_TRUE(near_duplicates(images, 100).empty());
  images.push_back(fingerprint_of(resize(smooth(13), 90, 70, ResizeFilter::lanczos)));
  auto brighter = smooth(20);
  for (auto& byte : brighter.bytes) byte = static_cast<uint8_t>(byte + 1);
  images.push_back(fingerprint_of(brighter));
  EXPECT_EQ(near_duplicates(images, 100), (Pairs{{13, 30}, {20, 31}}));
  EXPECT_EQ(near_duplicates(images, 1).size(), 1u);
  EXPECT_EQ(overlap(images, {fingerprint_of(smooth(99)), fingerprint_of(smooth(7))}, 10), (Pairs{{7, 1}}));
}

TEST(Fingerprint, FlatImagesAreNotDuplicates) {
  Raster black({8, 8, 1});
  EXPECT_TRUE(fingerprint_of(black).flat);
  EXPECT_FALSE(fingerprint_of(smooth(1)).flat);
  EXPECT_TRUE(near_duplicates({fingerprint_of(black), fingerprint_of(black)}, 10).empty());
}

#ifdef FQGAN_DECODERS

TEST(Survey, CountsAndWarns) {
  TemporaryFolder folder;
  for (int i = 0; i < 12; ++i) {
    write_bytes(folder / "many" / (std::to_string(10 + i) + ".png"),
                encode_png(at::randint(0, 256, {3, 20, 20}, at::kByte)));
  }
  const auto twice = encode_png(at::randint(0, 256, {1, 20, 30}, at::kByte));
  write_bytes(folder / "few" / "1.png", twice);
  write_bytes(folder / "few" / "2.png", twice);
  write_bytes(folder / "few" / "empty.png", encode_png(at::zeros({3, 20, 20}, at::kByte)));
  write_bytes(folder / "few" / "broken.png", "x");
  DataOptions options;
  options.path = folder.path.string();
  testing::internal::CaptureStderr();
  const auto result = survey(options);
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(result.info.images, 15);
  EXPECT_EQ(result.class_counts, (std::vector<int64_t>{3, 12}));
  ASSERT_EQ(result.sizes.size(), 2u);
  EXPECT_EQ(result.sizes[0].images, 13);
  EXPECT_EQ(result.sizes[1].shape, (RasterShape{20, 30, 1}));
  EXPECT_EQ(result.nearly_empty, 1);
  EXPECT_EQ(result.duplicates, (Pairs{{0, 1}}));
  ASSERT_EQ(result.unreadable.size(), 1u);
  EXPECT_EQ(result.unreadable[0].name, "few/broken.png");
  EXPECT_EQ(result.mean.sizes(), (std::vector<int64_t>{3, 64, 64}));
  EXPECT_EQ(result.contact.size(0), 8);  // one class has eight images
  EXPECT_EQ(result.contact_labels, (std::vector<std::string>{"many"}));
  const auto text = survey_text(result);
  expect_names(text, {"data.resolution", "'few'", "few/broken.png", "'few/empty.png'", "'few/1.png'", "'few/2.png'"});
  const auto json = nlohmann::json::parse(survey_json(result));
  EXPECT_EQ(json["images"], 15);
  EXPECT_EQ(json["classes"][1]["name"], "many");
  EXPECT_EQ(json["duplicates"][0][1], "few/2.png");
  EXPECT_CONTAINS(overlap_warning(result, result), result.names[0]);
}

TEST(FitReport, SaysWhatIsDoneToTheImages) {
  TemporaryFolder folder;
  auto clear = at::full({4, 32, 32}, 200, at::kByte);
  clear.select(0, 3).fill_(128);
  write_bytes(folder / "a.png", encode_png(clear));
  write_bytes(folder / "b.png", encode_png(at::full({4, 32, 32}, 255, at::kByte)));  // opaque
  write_bytes(folder / "c.png", encode_png(at::full({3, 20, 40}, 9, at::kByte)));
  write_bytes(folder / "d.png", encode_png(at::full({3, 8, 8}, 9, at::kByte)));
  DataOptions options;
  options.path = folder.path.string();
  options.resolution = 16;
  const auto report = [&](const std::string& fit, const std::string& alpha = "composite") {
    options.fit = fit;
    options.alpha = alpha;
    const auto data = open_dataset(options);
    return fit_report(data->info(), data->changes(), options);
  };
  const auto padded = report("pad");
  ASSERT_EQ(padded.size(), 4u);
  expect_names(padded[0], {"1 of 4", "not square", "black", "data.fit=crop"});
  expect_names(padded[1], {"3 of 4", "larger than 16x16", "data.filter"});
  expect_names(padded[2], {"1 of 4", "smaller than 16x16", "black", "data.fit=crop"});
  expect_names(padded[3], {"1 of 4", "transparent", "black", "data.background", "data.alpha=keep"});
  const auto cropped = report("crop", "keep");
  ASSERT_EQ(cropped.size(), 3u);
  expect_names(cropped[0], {"1 of 4", "cut", "data.fit=pad"});
  expect_names(cropped[2], {"1 of 4", "smaller", "enlarged"});
  options.background = {255, 255, 255};
  options.pad_value = 255;
  expect_names(report("pad")[0], {"white bars"});
  expect_names(report("stretch")[3], {"white"});
  options.channels = 3;
  expect_names(report("stretch", "keep")[3], {"without their transparency", "data.channels=4"});
  options.limit = 1;
  EXPECT_EQ(report("pad").size(), 2u);  // only the images that are used count
}

#endif

TEST(FitReport, NothingOfImagesThatFit) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(7, 4, 4));
  DataOptions options;
  options.path = folder.path.string();
  const auto data = open_dataset(options);
  EXPECT_TRUE(fit_report(data->info(), data->changes(), options).empty());
}

TEST(Survey, MeanImageOfIdx) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(7, 4, 5));
  DataOptions options;
  options.path = folder.path.string();
  const auto result = survey(options);
  EXPECT_EQ(result.contact.size(0), 7);
  EXPECT_TRUE(result.contact_labels.empty());
  for (int64_t pixel = 0; pixel < 20; ++pixel) {
    double sum = 0;
    for (int64_t i = 0; i < 7; ++i) sum += (i * 20 + pixel) * 7 % 251;
    EXPECT_NEAR(result.mean.flatten()[pixel].item<uint8_t>(), sum / 7, 0.5);
  }
}

}  // namespace
}  // namespace fqgan::test
