// IDX files: what is right is read as it is, what is wrong is named.
#include "data/make_files.h"
#include "fqgan/core/error.h"
#include "fqgan/data/dataset.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

DataOptions at_path(const std::filesystem::path& path) {
  DataOptions options;
  options.path = path.string();
  return options;
}

std::string error_of(const DataOptions& options) {
  return message_of<UserError>([&] { open_dataset(options); });
}

TEST(Idx, ReadsImagesAndLabelsPlainAndCompressed) {
  TemporaryFolder folder;
  const auto images = idx_images(5, 3, 4);
  for (const bool compressed : {false, true}) {
    const std::string end = compressed ? ".gz" : "";
    const auto pack = [&](const std::string& bytes) { return compressed ? gzipped(bytes) : bytes; };
    write_bytes(folder / ("a" + end) / ("train-images-idx3-ubyte" + end), pack(images));
    write_bytes(folder / ("a" + end) / ("train-labels-idx1-ubyte" + end), pack(idx_labels({2, 0, 1, 1, 2})));
    const auto data = open_dataset(at_path(folder / ("a" + end)));
    EXPECT_EQ(data->info().images, 5);
    EXPECT_EQ(data->info().channels, 1);
    EXPECT_EQ(data->info().height, 3);
    EXPECT_EQ(data->info().width, 4);
    EXPECT_EQ(data->info().classes, 3);
    EXPECT_EQ(data->info().class_names, (std::vector<std::string>{"0", "1", "2"}));
    std::string pixels(12, '\0');
    EXPECT_EQ(data->read(3, reinterpret_cast<uint8_t*>(pixels.data())), 1);
    EXPECT_EQ(pixels, images.substr(16 + 3 * 12, 12));
    EXPECT_EQ(data->name(3), "train-images-idx3-ubyte" + end + " #3");
  }
}

TEST(Idx, SplitChoosesTheFile) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(5, 2, 2));
  write_bytes(folder / "t10k-images-idx3-ubyte", idx_images(3, 2, 2));
  auto options = at_path(folder.path);
  EXPECT_EQ(open_dataset(options)->info().images, 5);
  options.split = "test";
  EXPECT_EQ(open_dataset(options)->info().images, 3);
  EXPECT_EQ(open_dataset(options)->info().classes, 0);  // no labels file
}

TEST(Idx, MissingSplitIsNamed) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(5, 2, 2));
  auto options = at_path(folder.path);
  options.split = "test";
  expect_names(error_of(options), {"'test'"});
}

TEST(Idx, PadsTwoPixelsAround28) {
  TemporaryFolder folder;
  const auto images = idx_images(2, 28, 28);
  write_bytes(folder / "train-images-idx3-ubyte", images);
  auto options = at_path(folder.path);
  options.resolution = 32;
  options.pad_value = 9;
  const auto data = open_dataset(options);
  std::vector<uint8_t> pixels(32 * 32);
  EXPECT_EQ(data->read(1, pixels.data()), -1);
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) {
      const bool border = y < 2 || y >= 30 || x < 2 || x >= 30;
      const int expected = border ? 9 : static_cast<uint8_t>(images[16 + 784 + (y - 2) * 28 + x - 2]);
      ASSERT_EQ(pixels[y * 32 + x], expected) << y << " " << x;
    }
  }
}

TEST(Idx, WrongMagicNumber) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_labels({1, 2, 3, 4, 5}));
  const auto error = error_of(at_path(folder / "train-images-idx3-ubyte"));
  expect_names(error, {"train-images-idx3-ubyte", "0x00000803", "0x00000801"});
}

TEST(Idx, TruncatedFileSaysHowMuchIsThere) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(5, 3, 4).substr(0, 16 + 30));
  const auto error = error_of(at_path(folder.path));
  expect_names(error, {"train-images-idx3-ubyte", "60", "30"});
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(5, 3, 4).substr(0, 9));
  expect_names(error_of(at_path(folder.path)), {"train-images-idx3-ubyte"});
}

TEST(Idx, TruncatedCompression) {
  TemporaryFolder folder;
  const auto whole = gzipped(idx_images(50, 9, 7));
  write_bytes(folder / "train-images-idx3-ubyte.gz", whole.substr(0, whole.size() / 2));
  const auto error = error_of(at_path(folder.path));
  expect_names(error, {"train-images-idx3-ubyte.gz", "gzip"});
}

TEST(Idx, AHeaderThatLiesTakesNoMemory) {
  TemporaryFolder folder;
  std::string bytes;
  for (uint32_t value : {0x803u, 4000000000u, 100u, 2u}) append_big_endian(bytes, value);
  write_bytes(folder / "train-images-idx3-ubyte", bytes + "few");
  expect_names(error_of(at_path(folder.path)), {"800000000000", "3"});
  bytes.clear();
  for (uint32_t value : {0x803u, 0xffffffffu, 0xffffffffu, 0xffffffffu}) append_big_endian(bytes, value);
  write_bytes(folder / "train-images-idx3-ubyte", bytes);
  expect_names(error_of(at_path(folder.path)), {"2^40"});
}

TEST(Idx, LongerThanItsHeaderSays) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(5, 3, 4) + "x");
  expect_names(error_of(at_path(folder.path)), {"train-images-idx3-ubyte"});
}

TEST(Idx, CountsOfImagesAndLabelsDiffer) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(5, 3, 4));
  write_bytes(folder / "train-labels-idx1-ubyte", idx_labels({1, 2, 3}));
  const auto error = error_of(at_path(folder.path));
  expect_names(error, {"train-labels-idx1-ubyte", "5", "3"});
  auto options = at_path(folder.path);
  options.labels = false;  // then the labels file is not looked at
  EXPECT_EQ(open_dataset(options)->info().images, 5);
}

TEST(Idx, NoImagesInTheFile) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(0, 3, 4));
  expect_names(error_of(at_path(folder.path)), {folder.path.string()});
}

TEST(Idx, ClassNamesMustMatchTheLabels) {
  TemporaryFolder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(3, 2, 2));
  write_bytes(folder / "train-labels-idx1-ubyte", idx_labels({1, 2, 0}));
  auto options = at_path(folder.path);
  options.class_names = {"shirt", "boot"};
  expect_names(error_of(options), {"class_names", "3"});
  options.class_names = {"shirt", "boot", "bag", "hat"};  // a class may be without images
  EXPECT_EQ(open_dataset(options)->info().classes, 4);
}

TEST(Idx, LimitAndPartsAndLabelsPerClass) {
  TemporaryFolder folder;
  std::vector<int> labels;
  for (int i = 0; i < 40; ++i) labels.push_back(i % 4);
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(40, 2, 2));
  write_bytes(folder / "train-labels-idx1-ubyte", idx_labels(labels));
  auto options = at_path(folder.path);
  options.limit = 7;
  EXPECT_EQ(open_dataset(options)->info().images, 7);
  options.limit.reset();
  options.labels_per_class = 3;
  options.part = "labelled";
  const auto labelled = open_dataset(options);
  EXPECT_EQ(labelled->info().images, 12);
  std::vector<int> counts(4);
  std::vector<uint8_t> pixels(4);
  for (int i = 0; i < 12; ++i) ++counts.at(labelled->read(i, pixels.data()));
  EXPECT_EQ(counts, (std::vector<int>{3, 3, 3, 3}));
  options.part = "unlabelled";
  const auto unlabelled = open_dataset(options);
  EXPECT_EQ(unlabelled->info().images, 28);
  EXPECT_EQ(unlabelled->info().classes, 4);
  EXPECT_EQ(unlabelled->read(0, pixels.data()), -1);
  const auto key = unlabelled->key();
  EXPECT_EQ(open_dataset(options)->key(), key);
  options.labels_seed = 1;
  EXPECT_NE(open_dataset(options)->key(), key);
}

TEST(Idx, LabelsAreChosenWithinTheLimit) {
  TemporaryFolder folder;
  std::vector<int> labels;
  for (int i = 0; i < 40; ++i) labels.push_back(i % 2);
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(40, 2, 2));
  write_bytes(folder / "train-labels-idx1-ubyte", idx_labels(labels));
  auto options = at_path(folder.path);
  options.limit = 2;
  options.labels_per_class = 1;
  const auto all = open_dataset(options);
  EXPECT_EQ(all->info().images, 2);
  EXPECT_EQ(all->info().unlabelled, 0);  // the two that there are
  options.limit = 10;
  options.part = "labelled";
  const auto labelled = open_dataset(options);
  EXPECT_EQ(labelled->info().images, 2);
  for (int i = 0; i < 2; ++i) {
    const auto name = labelled->name(i);  // "train-images-idx3-ubyte #7"
    EXPECT_LT(std::stoi(name.substr(name.find('#') + 1)), 10) << name;
  }
  options.part = "unlabelled";
  EXPECT_EQ(open_dataset(options)->info().images, 8);
  options.labels_per_class = 6;
  expect_names(error_of(options), {"'0'", "5", "10", "data.limit", "6"});
}

TEST(Idx, RealMnist) {
  const std::filesystem::path path = "../shared/data/mnist";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  auto options = at_path(path);
  options.split = "test";
  const auto data = open_dataset(options);
  EXPECT_EQ(data->info().images, 10000);
  EXPECT_EQ(data->info().classes, 10);
  std::vector<uint8_t> pixels(784);
  const int first_digits[] = {7, 2, 1, 0, 4, 1, 4, 9, 5, 9};  // as everybody knows them
  for (int i = 0; i < 10; ++i) EXPECT_EQ(data->read(i, pixels.data()), first_digits[i]);
}

TEST(Idx, RealFashionMnist) {
  const std::filesystem::path path = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  auto options = at_path(path);
  options.resolution = 32;
  const auto data = open_dataset(options);
  EXPECT_EQ(data->info().images, 10000);
  EXPECT_EQ(data->info().height, 32);
  std::vector<uint8_t> pixels(1024);
  EXPECT_EQ(data->read(0, pixels.data()), 9);  // an ankle boot
}

TEST(Open, MissingPathAndUnknownFiles) {
  TemporaryFolder folder;
  DataOptions options;
  expect_names(error_of(options), {"--data"});
  expect_names(error_of(at_path(folder / "nowhere")), {"nowhere"});
  write_bytes(folder / "notes.txt", "hello");
  const auto error = error_of(at_path(folder / "notes.txt"));
  expect_names(error, {"notes.txt", "IDX"});
}

}  // namespace
}  // namespace fqgan::test
