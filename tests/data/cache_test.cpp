// The cache of decoded images: found again, continued, kept apart, and never trusted blindly.
#include <ATen/ops/zeros.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "data/make_files.h"
#include "fqgan/core/error.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/store/pixel_cache.h"
#include "fqgan/data/store/stored_dataset.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

// Gray images of 20 x 30 pixels of one brightness each; counts what is decoded, and can fail on the way.
struct Counting : Source {
  explicit Counting(int64_t images) {
    for (int64_t i = 0; i < images; ++i) entries.push_back({"image " + std::to_string(i), -1});
    manifest.add("counting");
    manifest.add(images);
  }
  RasterShape shape(int64_t) const override { return {20, 30, 1}; }
  Raster decode(int64_t entry) const override {
    if (entry == stops_at) throw SystemError("the power went out");
    if (entry == unreadable) throw DecodeError("it is blurred");
    ++decoded;
    Raster image({20, 30, 1});
    std::fill(image.bytes.begin(), image.bytes.end(), static_cast<uint8_t>(entry));
    return image;
  }
  mutable std::atomic<int64_t> decoded{0};
  int64_t stops_at = -1, unreadable = -1;
};

class Cache : public testing::Test {
 protected:
  void SetUp() override { setenv("FQGAN_CACHE", folder.path.c_str(), 1); }
  void TearDown() override { unsetenv("FQGAN_CACHE"); }

  static DataOptions options(const std::string& cache = "on") {
    DataOptions options;
    options.path = "it";
    options.cache = cache;
    return options;
  }
  std::vector<std::filesystem::path> files(const std::string& ending) const {
    std::vector<std::filesystem::path> result;
    if (!std::filesystem::exists(folder / "data")) return result;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "data")) {
      if (entry.path().extension() == ending) result.push_back(entry.path());
    }
    return result;
  }
  static void expect_whole(const Dataset& data, int64_t images) {
    ASSERT_EQ(data.info().images, images);
    std::vector<uint8_t> pixels(600);
    for (int64_t i = 0; i < images; ++i) {
      data.read(i, pixels.data());
      EXPECT_EQ(pixels, std::vector<uint8_t>(600, static_cast<uint8_t>(i)));
    }
  }

  TemporaryFolder folder;
};

// Transparent, small and oblong images; what is done to them must be known whether they are decoded or come from the
// cache, whole or continued.
struct Odd : Counting {
  Odd() : Counting(200) {}
  RasterShape shape(int64_t entry) const override { return {entry % 2 ? 20 : 8, 8, entry % 5 ? 3 : 4}; }
  Raster decode(int64_t entry) const override {
    Counting::decode(entry);
    return Raster(shape(entry));  // alpha = 0 where there is one
  }
};

TEST_F(Cache, KeepsWhatWasDoneToTheImages) {
  const auto changes = [](const Source& source, const std::string& cache) {
    auto settings = options(cache);
    settings.resolution = 12;
    const auto found = make_dataset(source, settings)->changes();
    return std::vector<int64_t>{found.reshaped, found.small, found.transparent};
  };
  const std::vector<int64_t> expected = {100, 100, 40};
  Odd source;
  EXPECT_EQ(changes(source, "off"), expected);
  source.stops_at = 150;
  EXPECT_THROW(changes(source, "on"), SystemError);
  source.stops_at = -1;
  EXPECT_EQ(changes(source, "on"), expected);
  const auto decoded = source.decoded.load();
  EXPECT_EQ(changes(source, "on"), expected);
  EXPECT_EQ(source.decoded, decoded);
}

TEST_F(Cache, DecodesOnce) {
  Counting source(200);
  expect_whole(*make_dataset(source, options()), 200);
  EXPECT_EQ(source.decoded, 200);
  expect_whole(*make_dataset(source, options()), 200);
  EXPECT_EQ(source.decoded, 200);
  EXPECT_EQ(files(".pixels").size(), 1u);
  EXPECT_EQ(files(".partial").size() + files(".lock").size(), 0u);
}

TEST_F(Cache, OffAndSmallSetsLeaveNoFiles) {
  Counting source(20);
  expect_whole(*make_dataset(source, options("off")), 20);
  expect_whole(*make_dataset(source, options("auto")), 20);
  EXPECT_TRUE(files(".pixels").empty());
  source.largest_in_memory = 20 * 600 - 1;
  expect_whole(*make_dataset(source, options("auto")), 20);
  EXPECT_EQ(files(".pixels").size(), 1u);
}

TEST_F(Cache, OtherFilesOrOptionsAreAnotherCache) {
  Counting source(10);
  make_dataset(source, options());
  auto larger = options();
  larger.resolution = 40;
  make_dataset(source, larger);
  EXPECT_EQ(source.decoded, 20);
  source.manifest.add("a file changed");
  make_dataset(source, options());
  EXPECT_EQ(source.decoded, 30);
  EXPECT_EQ(files(".pixels").size(), 3u);
}

TEST_F(Cache, LabelsDoNotMakeAnotherCache) {
  Counting source(10);
  const auto plain = make_dataset(source, options());
  for (auto& entry : source.entries) entry.label = 1;
  const auto labelled = make_dataset(source, options());
  EXPECT_EQ(files(".pixels").size(), 1u);
  EXPECT_NE(plain->key(), labelled->key());
  EXPECT_EQ(labelled->info().classes, 2);
}

TEST_F(Cache, AnInterruptedBuildIsContinued) {
  Counting source(250);
  source.stops_at = 200;
  EXPECT_THROW(make_dataset(source, options()), SystemError);
  EXPECT_EQ(files(".partial").size(), 1u);
  EXPECT_TRUE(files(".pixels").empty());
  const int64_t before = source.decoded;
  source.stops_at = -1;
  expect_whole(*make_dataset(source, options()), 250);
  EXPECT_LT(source.decoded - before, 250 - 96);  // three chunks and more were kept
  EXPECT_TRUE(files(".partial").empty());
}

TEST_F(Cache, AnEndThatWasNotRenamedIsCut) {
  Counting source(40);
  make_dataset(source, options());
  const auto whole = files(".pixels").at(0);
  auto partial = whole;
  std::filesystem::rename(whole, partial.replace_extension(".partial"));
  expect_whole(*make_dataset(source, options()), 40);
  EXPECT_EQ(source.decoded, 40);
}

TEST_F(Cache, APartialOfTheWrongSizeIsStartedAnew) {
  Counting source(40);
  make_dataset(source, options());
  auto path = files(".pixels").at(0);
  std::filesystem::remove(path);
  write_bytes(path.replace_extension(".partial"), "short");
  expect_whole(*make_dataset(source, options()), 40);
}

TEST_F(Cache, DamagedCachesAreRebuilt) {
  Counting source(30);
  make_dataset(source, options());
  const auto path = files(".pixels").at(0);
  const auto size = std::filesystem::file_size(path);
  for (const auto cut : std::vector<std::uintmax_t>{size - 1, size / 2, 3}) {
    std::filesystem::resize_file(path, cut);
    testing::internal::CaptureStderr();
    expect_whole(*make_dataset(source, options()), 30);
    EXPECT_CONTAINS(testing::internal::GetCapturedStderr(), path.string());
    EXPECT_EQ(std::filesystem::file_size(path), size);
  }
}

TEST_F(Cache, UnreadableImagesAreRemembered) {
  Counting source(50);
  source.unreadable = 7;
  for (int time = 0; time < 2; ++time) {
    testing::internal::CaptureStderr();
    const auto data = make_dataset(source, options());
    EXPECT_CONTAINS(testing::internal::GetCapturedStderr(), "'image 7': it is blurred");
    ASSERT_EQ(data->info().images, 49);
    EXPECT_EQ(data->name(7), "image 8");
    std::vector<uint8_t> pixels(600);
    data->read(7, pixels.data());
    EXPECT_EQ(pixels[0], 8);
  }
  EXPECT_EQ(source.decoded, 49);
  auto strict = options();
  strict.strict = true;
  expect_error<UserError>([&] { make_dataset(source, strict); }, {"image 7"});
}

TEST_F(Cache, TwoBuildersAtOnceShareTheWork) {
  Counting source(300);
  std::vector<std::jthread> threads;
  std::atomic<int> whole{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { whole += make_dataset(source, options())->info().images == 300; });
  }
  threads.clear();
  EXPECT_EQ(whole, 3);
  EXPECT_EQ(source.decoded, 300);
}

TEST_F(Cache, WithoutAPlaceAutoStaysInMemory) {
  const auto file = folder / "file";
  write_bytes(file, "in the way");
  setenv("FQGAN_CACHE", file.c_str(), 1);
  Counting source(10);
  source.largest_in_memory = 0;
  testing::internal::CaptureStderr();
  expect_whole(*make_dataset(source, options("auto")), 10);
  EXPECT_CONTAINS(testing::internal::GetCapturedStderr(), file.string());
  EXPECT_THROW(make_dataset(source, options("on")), UserError);
}

TEST(CacheFolder, FollowsTheEnvironment) {
  const std::string home = std::getenv("HOME") ? std::getenv("HOME") : "";
  unsetenv("FQGAN_CACHE");
  setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(cache_folder(), "/xdg/fqgan");
  unsetenv("XDG_CACHE_HOME");
  setenv("HOME", "/home/me", 1);
  EXPECT_EQ(cache_folder(), "/home/me/.cache/fqgan");
  setenv("FQGAN_CACHE", "/own", 1);
  EXPECT_EQ(cache_folder(), "/own");
  unsetenv("FQGAN_CACHE");
  setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace fqgan::test
