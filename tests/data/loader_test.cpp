// The loader: its order, what it delivers, and that it resumes.
#include "fqgan/data/store/loader.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <map>
#include <random>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "fqgan/data/store/order.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

// `images` images of 2 x 3 pixels and 3 channels; pixel values tell image, place and channel. Label: index modulo 7.
struct Numbered : Dataset {
  explicit Numbered(int64_t images) { info_ = {images, 3, 2, 3, 7, {}}; }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    if (index == broken) throw UserError("[data] image " + std::to_string(index) + " is broken");
    for (int i = 0; i < 18; ++i) pixels[i] = static_cast<uint8_t>(index * 18 + i);
    return index % 7;
  }
  std::string name(int64_t index) const override { return std::to_string(index); }
  std::string key() const override { return "numbered"; }
  DataInfo info_;
  int64_t broken = -1;
};

// Which image each row of a batch is (sets of at most 14 images, whose first bytes differ).
std::vector<int64_t> indices(const RawBatch& batch) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < batch.pixels.size(0); ++i) {
    result.push_back(batch.pixels[i].min().item<uint8_t>() / 18);  // holds mirrored, too
  }
  return result;
}

LoaderOptions options_of(int64_t batch, uint64_t seed = 5, bool flip = false) {
  LoaderOptions options;
  options.batch = batch;
  options.seed = seed;
  options.flip = flip;
  return options;
}

std::vector<int64_t> taken(Loader& loader, int batches) {
  std::vector<int64_t> result;
  for (int i = 0; i < batches; ++i) {
    const auto now = indices(loader.next());
    result.insert(result.end(), now.begin(), now.end());
  }
  return result;
}

// The documented algorithm, written a second time.
std::vector<int64_t> order_by_hand(int64_t images, uint64_t seed, const std::string& stream, int64_t epoch) {
  std::mt19937_64 random(mix_bits(seed, "order/" + stream, {epoch}));
  std::vector<int64_t> order;
  for (int64_t i = 0; i < images; ++i) order.push_back(i);
  for (uint64_t left = static_cast<uint64_t>(images); left >= 2; --left) {
    const auto whole_blocks = (static_cast<unsigned __int128>(1) << 64) / left * left;
    uint64_t bits = random();
    while (bits < static_cast<uint64_t>((static_cast<unsigned __int128>(1) << 64) - whole_blocks)) bits = random();
    std::iter_swap(order.begin() + static_cast<int64_t>(left) - 1, order.begin() + static_cast<int64_t>(bits % left));
  }
  return order;
}

TEST(Order, IsTheDocumentedPermutation) {
  for (const int64_t images : {1, 2, 3, 10, 1000}) {
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      EXPECT_EQ(epoch_order(images, 77, "train", epoch), order_by_hand(images, 77, "train", epoch));
    }
  }
}

TEST(Order, IsTheSameOnEveryMachine) {
  EXPECT_EQ(epoch_order(8, 1, "train", 0), (std::vector<int64_t>{1, 0, 2, 5, 6, 7, 4, 3}));
}

TEST(Order, DiffersBetweenSeedsStreamsAndEpochs) {
  const auto order = epoch_order(50, 1, "train", 0);
  EXPECT_NE(order, epoch_order(50, 2, "train", 0));
  EXPECT_NE(order, epoch_order(50, 1, "labelled", 0));
  EXPECT_NE(order, epoch_order(50, 1, "train", 1));
}

TEST(Order, EveryPermutationIsAsLikely) {
  std::map<std::vector<int64_t>, int> counts;
  const int draws = 6000;
  for (int epoch = 0; epoch < draws; ++epoch) ++counts[epoch_order(3, 9, "train", epoch)];
  ASSERT_EQ(counts.size(), 6u);
  double chi_squared = 0;
  for (const auto& [order, count] : counts) chi_squared += (count - 1000.) * (count - 1000.) / 1000.;
  EXPECT_LT(chi_squared, 20.5);  // 5 degrees of freedom, 0.1 %
}

TEST(Loader, FollowsTheOrderAcrossEpochs) {
  const Numbered data(10);
  Loader loader(data, options_of(4));
  std::vector<int64_t> expected;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    const auto order = order_by_hand(10, 5, "train", epoch);
    expected.insert(expected.end(), order.begin(), order.end());
  }
  EXPECT_EQ(taken(loader, 10), expected);  // 40 images: batches 2, 5 and 7 span two epochs
  EXPECT_EQ(loader.cursor(), 40);
}

TEST(Loader, DeliversPixelsAndLabelsInChannelsLast) {
  const Numbered data(10);
  Loader loader(data, options_of(10));
  const auto batch = loader.next();
  EXPECT_EQ(batch.pixels.sizes(), (std::vector<int64_t>{10, 3, 2, 3}));
  EXPECT_EQ(batch.pixels.scalar_type(), at::kByte);
  EXPECT_TRUE(batch.pixels.is_contiguous(at::MemoryFormat::ChannelsLast));
  const auto images = indices(batch);
  for (int64_t i = 0; i < 10; ++i) {
    uint8_t expected[18];
    data.read(images[i], expected);
    for (int64_t y = 0; y < 2; ++y)
      for (int64_t x = 0; x < 3; ++x)
        for (int64_t c = 0; c < 3; ++c)
          EXPECT_EQ(batch.pixels[i][c][y][x].item<uint8_t>(), expected[(y * 3 + x) * 3 + c]);
    EXPECT_EQ(batch.labels[i].item<int64_t>(), images[i] % 7);
  }
}

TEST(Loader, AnyNumberOfThreadsGivesTheSame) {
  const Numbered data(13);
  std::vector<at::Tensor> pixels;
  for (const int64_t workers : {1, 2, 5}) {
    auto options = options_of(5, 3, true);
    options.workers = workers;
    Loader loader(data, options);
    std::vector<at::Tensor> batches;
    for (int i = 0; i < 12; ++i) batches.push_back(loader.next().pixels);
    pixels.push_back(at::cat(batches));
  }
  EXPECT_TRUE(pixels[0].equal(pixels[1]));
  EXPECT_TRUE(pixels[0].equal(pixels[2]));
}

TEST(Loader, SeekContinuesWhereItWas) {
  const Numbered data(11);
  Loader whole(data, options_of(4, 8, true));
  for (int i = 0; i < 3; ++i) whole.next();
  Loader resumed(data, options_of(4, 8, true));
  resumed.next();  // what was prefetched behind it must go
  resumed.seek(whole.cursor());
  EXPECT_EQ(resumed.cursor(), 12);
  for (int i = 0; i < 5; ++i) {
    const auto expected = whole.next(), got = resumed.next();
    EXPECT_TRUE(expected.pixels.equal(got.pixels));
    EXPECT_TRUE(expected.labels.equal(got.labels));
  }
  resumed.seek(0);
  EXPECT_EQ(taken(resumed, 1), taken(*std::make_unique<Loader>(data, options_of(4, 8, true)), 1));
}

TEST(Loader, FlipsHalfOfTheImagesAndEachEpochAnew) {
  const Numbered data(14);
  Loader plain(data, options_of(14, 4)), flipping(data, options_of(14, 4, true));
  int mirrored = 0, changed = 0;
  std::vector<bool> before(14);
  for (int epoch = 0; epoch < 40; ++epoch) {
    const auto a = plain.next().pixels, b = flipping.next().pixels;
    for (int64_t i = 0; i < 14; ++i) {
      const bool is_mirrored = b[i].equal(a[i].flip({2}));
      EXPECT_TRUE(is_mirrored || b[i].equal(a[i]));
      const auto image = static_cast<size_t>(a[i].min().item<uint8_t>() / 18);
      mirrored += is_mirrored;
      changed += epoch > 0 && before[image] != is_mirrored;
      before[image] = is_mirrored;
    }
  }
  EXPECT_NEAR(mirrored, 280, 50);  // of 560; four standard deviations
  EXPECT_NEAR(changed, 273, 50);
}

TEST(Loader, RanksSliceOneGlobalBatch) {
  const Numbered data(13);
  Loader whole(data, options_of(6, 2));
  std::vector<std::unique_ptr<Loader>> parts;
  for (int64_t rank = 0; rank < 3; ++rank) {
    auto options = options_of(2, 2);
    options.rank = rank;
    options.ranks = 3;
    parts.push_back(std::make_unique<Loader>(data, options));
  }
  for (int i = 0; i < 5; ++i) {
    std::vector<at::Tensor> slices;
    for (auto& part : parts) slices.push_back(part->next().pixels);
    EXPECT_TRUE(at::cat(slices).equal(whole.next().pixels));
    for (auto& part : parts) EXPECT_EQ(part->cursor(), whole.cursor());
  }
}

TEST(Loader, ABatchLargerThanTheSet) {
  const Numbered data(10);
  const auto error = message_of<UserError>([&] { Loader loader(data, options_of(128)); });
  expect_names(error, {"128", "10"});
}

TEST(Loader, ErrorsOfTheWorkerAreThrownByNext) {
  Numbered data(10);
  data.broken = order_by_hand(10, 5, "train", 0)[6];
  Loader loader(data, options_of(4));
  EXPECT_EQ(taken(loader, 1).size(), 4u);
  expect_error<UserError>([&] { loader.next(); }, {"is broken"});
  expect_error<UserError>([&] { loader.next(); }, {"is broken"});  // it stays
  EXPECT_EQ(loader.cursor(), 4);
}

TEST(Loader, EndsWhileItsWorkersAreBusy) {
  const Numbered data(10);
  for (int i = 0; i < 50; ++i) {
    auto options = options_of(3);
    options.workers = 3;
    Loader loader(data, options);
    if (i % 2) loader.next();
    if (i % 3) loader.seek(i);
  }
}

}  // namespace
}  // namespace fqgan::test
