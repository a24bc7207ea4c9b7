// Random crops and mirroring on the way into a batch: which pieces, how likely, and that nothing else decides them.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <map>

#include "data/make_files.h"
#include "fqgan/core/error.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/data/opened_data.h"
#include "fqgan/data/store/loader.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

// Images of 2 x 3 pixels of 3 channels with a margin of 2: an enlarged pixel holds image, row, column.
struct WithMargin : Dataset {
  explicit WithMargin(int64_t images) { info_ = {images, 3, 2, 3, 0, {}}; }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t, uint8_t* pixels) const override {
    std::fill_n(pixels, 18, uint8_t{255});
    return -1;
  }
  int64_t crop_margin() const override { return 2; }
  void read_enlarged(int64_t index, uint8_t* pixels) const override {
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 5; ++x)
        for (const int64_t value : {index, int64_t{y}, int64_t{x}}) *pixels++ = static_cast<uint8_t>(value);
  }
  std::string name(int64_t index) const override { return std::to_string(index); }
  std::string key() const override { return "margin"; }
  DataInfo info_;
};

LoaderOptions options_of(int64_t batch, bool flip, int64_t workers = 1) {
  LoaderOptions options;
  options.batch = batch;
  options.flip = flip;
  options.workers = workers;
  return options;
}

TEST(Crop, DeliversPiecesOfTheEnlargedImages) {
  const WithMargin data(4);
  for (const bool flip : {false, true}) {
    Loader loader(data, options_of(4, flip));
    std::map<std::pair<int, int>, int> corners;
    int mirrored = 0;
    constexpr int epochs = 225;
    for (int epoch = 0; epoch < epochs; ++epoch) {
      const auto pixels = loader.next().pixels;
      ASSERT_EQ(pixels.sizes(), (std::vector<int64_t>{4, 3, 2, 3}));
      for (int64_t i = 0; i < 4; ++i) {
        const auto at = [&](int c, int y, int x) { return int{pixels[i][c][y][x].item<uint8_t>()}; };
        const int step = at(2, 0, 1) - at(2, 0, 0);
        ASSERT_EQ(step, flip && step < 0 ? -1 : 1);
        mirrored += step < 0;
        for (int y = 0; y < 2; ++y)
          for (int x = 0; x < 3; ++x) {
            ASSERT_EQ(at(0, y, x), at(0, 0, 0));
            ASSERT_EQ(at(1, y, x), at(1, 0, 0) + y);
            ASSERT_EQ(at(2, y, x), at(2, 0, 0) + step * x);
          }
        ++corners[{at(1, 0, 0), std::min(at(2, 0, 0), at(2, 0, 2))}];
      }
    }
    // Each of the nine corners is as likely: chi squared of 8 degrees of freedom, 0.1 %.
    ASSERT_EQ(corners.size(), 9u);
    double chi_squared = 0;
    for (const auto& [corner, count] : corners) chi_squared += (count - 100.) * (count - 100.) / 100.;
    EXPECT_LT(chi_squared, 26.1);
    EXPECT_NEAR(mirrored, flip ? 2 * epochs : 0, flip ? 60 : 0);  // of 900; four standard deviations
  }
}

TEST(Crop, DoesNotDependOnWorkersBatchesOrRanks) {
  const WithMargin data(12);
  const auto taken = [&](LoaderOptions options, int batches) {
    Loader loader(data, options);
    std::vector<at::Tensor> all;
    for (int i = 0; i < batches; ++i) all.push_back(loader.next().pixels);
    return at::cat(all);
  };
  const auto whole = taken(options_of(12, true), 5);
  EXPECT_TRUE(taken(options_of(12, true, 4), 5).equal(whole));
  EXPECT_TRUE(taken(options_of(4, true, 2), 15).equal(whole));
  auto first = options_of(6, true), second = options_of(6, true);
  first.ranks = second.ranks = 2;
  second.rank = 1;
  const auto a = taken(first, 5), b = taken(second, 5);
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(at::cat({a.narrow(0, 6 * i, 6), b.narrow(0, 6 * i, 6)}).equal(whole.narrow(0, 12 * i, 12)));
  auto other = options_of(12, true);
  other.seed = 1;
  EXPECT_FALSE(taken(other, 5).equal(whole));
}

TEST(Crop, OfATrainingSetEnlargesItAndLeavesOtherViewsAlone) {
  TemporaryFolder folder;
  auto image = at::zeros({1, 8, 8}, at::kByte);
  image.narrow(1, 0, 4).fill_(200);
  for (const char* split : {"train", "test"}) write_bytes(folder / split / "a.png", encode_png(image));
  DataOptions options;
  options.path = folder.path.string();
  options.resolution = 8;
  options.fit = "stretch";
  options.crop_margin = 4;
  OpenedData data(options);
  const auto train = data.view();
  EXPECT_EQ(train->info().height, 8);
  EXPECT_EQ(train->crop_margin(), 4);
  std::vector<uint8_t> enlarged(144), plain(64);
  train->read_enlarged(0, enlarged.data());
  EXPECT_EQ(enlarged[0], 200);
  EXPECT_EQ(enlarged[3 * 12 + 5], 200);
  EXPECT_EQ(enlarged[11 * 12], 0);
  train->read(0, plain.data());
  EXPECT_EQ(plain[3 * 8], 200);
  EXPECT_EQ(plain[4 * 8], 0);
  EXPECT_EQ(data.test()->crop_margin(), 0);
  Loader loader(*train, options_of(1, false));
  EXPECT_EQ(loader.next().pixels.sizes(), (std::vector<int64_t>{1, 1, 8, 8}));
  auto without = options;
  without.crop_margin = 0;
  EXPECT_NE(open_dataset(without)->key(), train->key());
  options.resolution.reset();
  expect_error<UserError>([&] { open_dataset(options); }, {"crop_margin"});
}

// The loader uses the memory of batches again: not of those that somebody still holds.
TEST(Loader, BatchesThatAreHeldStayAsTheyAre) {
  const WithMargin data(12);
  Loader loader(data, options_of(3, true, 3)), again(data, options_of(3, true));
  std::vector<at::Tensor> held, views;
  for (int i = 0; i < 40; ++i) {
    const auto pixels = loader.next().pixels;
    if (i % 3 == 0) held.push_back(pixels);
    if (i % 3 == 1) views.push_back(pixels.select(0, 1));
  }
  for (int i = 0; i < 40; ++i) {
    const auto pixels = again.next().pixels;
    const bool same = i % 3 == 0   ? held[i / 3].equal(pixels)
                      : i % 3 == 1 ? views[i / 3].equal(pixels.select(0, 1))
                                   : true;
    EXPECT_TRUE(same) << i;
  }
}

}  // namespace
}  // namespace fqgan::test
