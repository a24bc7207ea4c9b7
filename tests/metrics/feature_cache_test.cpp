// Features that are kept: the same bits as measured ones, without reading an image; and when they are measured again.
#include "fqgan/metrics/feature_cache.h"

#include <torch/torch.h>

#include <cstdlib>
#include <fstream>

#include "fqgan/core/error.h"
#include "metrics/striped_data.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

class CountingExtractor : public FeatureExtractor {
 public:
  explicit CountingExtractor(std::string name = "pixels-1a2b3c4d") : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  std::string description() const override { return "a row of pixels"; }
  int64_t channels() const override { return 1; }
  Extracted extract(const at::Tensor& pixels, bool wants_logits) override {
    images += pixels.size(0);
    const auto row = pixels.to(torch::kFloat).select(2, 3).flatten(1);
    return {row / 255, wants_logits ? row.slice(1, 0, 3) : at::Tensor()};
  }
  int64_t images = 0;

 private:
  std::string name_;
};

class FeatureCache : public testing::Test {
 protected:
  FeatureCache() { setenv("FQGAN_CACHE", folder.path.c_str(), 1); }
  ~FeatureCache() override { unsetenv("FQGAN_CACHE"); }

  Measured once(const Dataset& data, FeatureExtractor& extractor, bool features, bool logits = false) {
    const MeasureOptions options{"data", data.info().class_names, features, logits};
    return measured_once(data.key(), extractor, options, [&] { return in_order(data); });
  }
  TemporaryFolder folder;
};

void expect_same(const Measured& a, const Measured& b) {
  EXPECT_EQ(a.images, b.images);
  EXPECT_EQ(a.extractor, b.extractor);
  EXPECT_TRUE(at::equal(a.moments.mean(), b.moments.mean()));
  EXPECT_TRUE(at::equal(a.moments.covariance(), b.moments.covariance()));
  EXPECT_EQ(a.moments.few_rows().has_value(), b.moments.few_rows().has_value());
  ASSERT_EQ(a.features.defined(), b.features.defined());
  if (!a.features.defined()) return;
  EXPECT_TRUE(at::equal(a.features, b.features));
  EXPECT_TRUE(at::equal(a.labels, b.labels));
  EXPECT_EQ(a.class_names, b.class_names);
}

TEST_F(FeatureCache, GivesTheSameBitsWithoutReadingImages) {
  for (const int64_t images : {6, 40, 3000})  // 6: fewer than the 8 features
    for (const bool features : {false, true}) {
      const StripedData data(images, 3);
      CountingExtractor extractor("pixels-" + std::to_string(features));
      const auto first = once(data, extractor, features);
      EXPECT_EQ(extractor.images, images);
      const auto second = once(data, extractor, features);
      EXPECT_EQ(extractor.images, images);
      expect_same(first, second);
    }
}

TEST_F(FeatureCache, OtherImagesAndExtractorsAreMeasured) {
  CountingExtractor extractor, other("pixels-00000000");
  once(StripedData(40, 3), extractor, true);
  once(StripedData(41, 3), extractor, true);
  EXPECT_EQ(extractor.images, 81);
  once(StripedData(40, 3), other, true);
  EXPECT_EQ(other.images, 40);
}

TEST_F(FeatureCache, LogitsAreMeasuredWhenTheyAreFirstWanted) {
  CountingExtractor extractor;
  const StripedData data(40, 3);
  EXPECT_FALSE(once(data, extractor, true, false).logits.defined());
  const auto first = once(data, extractor, true, true);
  EXPECT_EQ(extractor.images, 80);
  const auto second = once(data, extractor, true, true);
  EXPECT_EQ(extractor.images, 80);
  EXPECT_TRUE(at::equal(first.logits, second.logits));
}

TEST_F(FeatureCache, DamagedFilesAreReplaced) {
  CountingExtractor extractor;
  const StripedData data(40, 3);
  const auto first = once(data, extractor, true);
  for (const auto& entry : std::filesystem::directory_iterator(folder / "measured"))
    if (entry.path().extension() == ".safetensors") std::ofstream(entry.path()) << "damaged";
  expect_same(first, once(data, extractor, true));
  EXPECT_EQ(extractor.images, 80);
  once(data, extractor, true);
  EXPECT_EQ(extractor.images, 80);
}

TEST_F(FeatureCache, KnowsTheMeasuredDataSet) {
  const StripedData data(40, 3);
  EXPECT_FALSE(known_data(data.key()));
  auto kept = known_of(data);
  kept.changes = {1, 2, 3, 4};
  keep_data(data.key(), kept);
  const auto known = known_data(data.key());
  ASSERT_TRUE(known);
  EXPECT_EQ(known->class_images, (std::vector<int64_t>{14, 13, 13}));
  const auto& info = known->info;
  EXPECT_EQ(info.images, 40);
  EXPECT_EQ(info.height, 8);
  EXPECT_EQ(info.classes, 3);
  EXPECT_EQ(info.class_names, data.info().class_names);
  EXPECT_EQ(known->changes.reshaped, 1);
  EXPECT_EQ(known->changes.transparent, 4);
}

}  // namespace
}  // namespace fqgan::test
