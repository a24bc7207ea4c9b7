// Folders of images and of class folders.
#include "data/make_files.h"
#include "data/open_data.h"

namespace fqgan::test {
namespace {

#ifdef FQGAN_DECODERS

std::string png(int64_t channels, int64_t height, int64_t width, int64_t brightness = 100) {
  return encode_png(at::zeros({channels, height, width}, at::kByte).fill_(brightness));
}

std::vector<uint8_t> pixels_of(const Dataset& data, int64_t index) {
  std::vector<uint8_t> pixels(static_cast<size_t>(data.info().channels * data.info().height * data.info().width));
  data.read(index, pixels.data());
  return pixels;
}

TEST(Folder, OfImagesInOrderOfTheirNames) {
  TemporaryFolder folder;
  write_bytes(folder / "b.png", png(1, 4, 4, 2));
  write_bytes(folder / "a.PNG", png(1, 4, 4, 1));
  write_bytes(folder / "c.png", png(1, 4, 4, 3));
  write_bytes(folder / "notes.txt", "not an image");
  write_bytes(folder / ".hidden.png", "not looked at");
  const auto data = open_dataset(at_path(folder.path));
  ASSERT_EQ(data->info().images, 3);
  EXPECT_EQ(data->info().classes, 0);
  EXPECT_EQ(data->name(0), "a.PNG");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pixels_of(*data, i), std::vector<uint8_t>(16, static_cast<uint8_t>(i + 1)));
}

TEST(Folder, OfClassFolders) {
  TemporaryFolder folder;
  write_bytes(folder / "shoe" / "1.png", png(3, 4, 4));
  write_bytes(folder / "bag" / "deep" / "down" / "1.png", png(3, 4, 4));
  write_bytes(folder / "bag" / "2.png", png(3, 4, 4));
  const auto data = open_dataset(at_path(folder.path));
  EXPECT_EQ(data->info().class_names, (std::vector<std::string>{"bag", "shoe"}));
  uint8_t pixels[48];
  EXPECT_EQ(data->info().images, 3);
  EXPECT_EQ(data->read(0, pixels), 0);
  EXPECT_EQ(data->read(1, pixels), 0);
  EXPECT_EQ(data->read(2, pixels), 1);
  EXPECT_EQ(data->name(1), "bag/deep/down/1.png");
  auto options = at_path(folder.path);
  options.labels = false;
  EXPECT_EQ(open_dataset(options)->info().classes, 0);
  EXPECT_EQ(open_dataset(options)->read(2, pixels), -1);
}

TEST(Folder, SplitsAndWrappers) {
  TemporaryFolder folder;
  write_bytes(folder / "wrapped" / "train" / "a" / "1.png", png(1, 2, 2));
  write_bytes(folder / "wrapped" / "train" / "b" / "1.png", png(1, 2, 2));
  write_bytes(folder / "wrapped" / "val" / "a" / "1.png", png(1, 2, 2));
  auto options = at_path(folder.path);
  EXPECT_EQ(open_dataset(options)->info().class_names, (std::vector<std::string>{"a", "b"}));
  options.split = "test";
  EXPECT_EQ(open_dataset(options)->info().images, 1);
}

TEST(Folder, AClassMayBeCalledTrain) {
  TemporaryFolder folder;
  for (const char* name : {"plane", "train", "truck"}) write_bytes(folder / name / "1.png", png(1, 2, 2));
  EXPECT_EQ(open_dataset(at_path(folder.path))->info().class_names,
            (std::vector<std::string>{"plane", "train", "truck"}));
}

TEST(Folder, TranslationDomains) {
  TemporaryFolder folder;
  for (const char* name : {"trainA", "trainB", "testA", "testB"}) write_bytes(folder / name / "1.png", png(3, 2, 2));
  write_bytes(folder / "trainB" / "2.png", png(3, 2, 2));
  auto options = at_path(folder.path);
  expect_names(error_of(options), {"data.domain"});
  options.domain = "B";
  EXPECT_EQ(open_dataset(options)->info().images, 2);
  EXPECT_EQ(open_dataset(options)->info().classes, 0);
  options.split = "test";
  EXPECT_EQ(open_dataset(options)->name(0), "testB/1.png");
}

TEST(Folder, UnlabelledPart) {
  TemporaryFolder folder;
  for (const char* name : {"cat", "dog", "unlabelled"}) write_bytes(folder / name / "1.png", png(1, 2, 2));
  auto options = at_path(folder.path);
  const auto data = open_dataset(options);
  EXPECT_EQ(data->info().class_names, (std::vector<std::string>{"cat", "dog"}));
  uint8_t pixels[4];
  EXPECT_EQ(data->read(2, pixels), -1);
  options.part = "unlabelled";
  EXPECT_EQ(open_dataset(options)->info().images, 1);
}

TEST(Folder, StyleGan2AdaLabels) {
  TemporaryFolder folder;
  for (const char* name : {"00000/a.png", "00000/b.png", "00001/c.png"}) write_bytes(folder / name, png(3, 2, 2));
  write_bytes(folder / "dataset.json", R"({"labels": [["00000/a.png", 2], ["00001/c.png", 0], ["00000/b.png", 1]]})");
  uint8_t pixels[12];
  const auto data = open_dataset(at_path(folder.path));
  EXPECT_EQ(data->info().classes, 3);
  EXPECT_EQ(data->read(0, pixels), 2);
  EXPECT_EQ(data->read(1, pixels), 1);
  EXPECT_EQ(data->read(2, pixels), 0);
  write_bytes(folder / "dataset.json", R"({"labels": null})");
  EXPECT_EQ(open_dataset(at_path(folder.path))->info().classes, 0);
  write_bytes(folder / "dataset.json", R"({"labels": [["00000/z.png", 2]]})");
  expect_names(error_of(at_path(folder.path)), {"dataset.json", "'00000/z.png'"});
  write_bytes(folder / "dataset.json", R"({"labels": [["00000/a.png", 1.5]]})");
  expect_names(error_of(at_path(folder.path)), {"dataset.json", "00000/a.png", "1.5"});
  write_bytes(folder / "dataset.json", "{");
  expect_names(error_of(at_path(folder.path)), {"dataset.json"});
}

TEST(Folder, MixedSizesNameTwoFiles) {
  TemporaryFolder folder;
  write_bytes(folder / "a.png", png(1, 4, 5));
  write_bytes(folder / "b.png", png(1, 6, 7));
  const auto error = error_of(at_path(folder.path));
  expect_names(error, {"'a.png'", "5x4", "'b.png'", "7x6", "resolution"});
  auto options = at_path(folder.path);
  options.resolution = 8;
  options.width = 10;
  EXPECT_EQ(open_dataset(options)->info().height, 8);
  EXPECT_EQ(open_dataset(options)->info().width, 10);
}

TEST(Folder, MixedChannelsBecomeTheLargest) {
  TemporaryFolder folder;
  write_bytes(folder / "a.png", png(1, 2, 2, 50));
  write_bytes(folder / "b.png", png(3, 2, 2, 60));
  const auto rgb = open_dataset(at_path(folder.path));
  EXPECT_EQ(rgb->info().channels, 3);
  EXPECT_EQ(pixels_of(*rgb, 0), std::vector<uint8_t>(12, 50));
  auto half = at::zeros({4, 2, 2}, at::kByte);
  half.fill_(200).select(0, 3).fill_(51);  // a fifth of the light
  write_bytes(folder / "c.png", encode_png(half));
  auto options = at_path(folder.path);
  EXPECT_EQ(pixels_of(*open_dataset(options), 2), std::vector<uint8_t>(12, 40));
  options.background = {100, 200, 0};
  const auto on_colour = pixels_of(*open_dataset(options), 2);
  EXPECT_EQ(on_colour[0], 120);
  EXPECT_EQ(on_colour[1], 200);
  EXPECT_EQ(on_colour[2], 40);
  EXPECT_EQ(on_colour[9], 120);
  options.alpha = "keep";
  const auto kept = open_dataset(options);
  EXPECT_EQ(kept->info().channels, 4);
  EXPECT_EQ(pixels_of(*kept, 2)[3], 51);
  EXPECT_EQ(pixels_of(*kept, 0)[3], 255);
  EXPECT_EQ(pixels_of(*kept, 0)[4], 50);
  options.channels = 1;
  EXPECT_EQ(open_dataset(options)->info().channels, 1);
}

TEST(Folder, EmptyOrWithoutImagesOrMixed) {
  TemporaryFolder folder;
  expect_names(error_of(at_path(folder.path)), {"[data] ", folder.path.string()});
  write_bytes(folder / "sub" / "notes.txt", "x");
  expect_names(error_of(at_path(folder.path)), {"1 file", "'sub/notes.txt'"});
  write_bytes(folder / "sub" / "a.png", png(1, 2, 2));
  write_bytes(folder / "b.png", png(1, 2, 2));
  expect_names(error_of(at_path(folder.path)), {"'sub'"});
}

TEST(Folder, UnreadableImagesAreSkippedOrRefused) {
  TemporaryFolder folder;
  write_bytes(folder / "a.png", png(1, 9, 9));
  write_bytes(folder / "b.png", png(1, 9, 9).substr(0, 50));  // its header is whole, its pixels are not
  write_bytes(folder / "c.jpg", "no image at all");
  write_bytes(folder / "d.png", png(1, 9, 9, 7));
  auto options = at_path(folder.path);
  testing::internal::CaptureStderr();
  const auto data = open_dataset(options);
  const auto log = testing::internal::GetCapturedStderr();
  expect_names(log, {"2 of 4", "'b.png'", "'c.jpg'"});
  ASSERT_EQ(data->info().images, 2);
  EXPECT_EQ(data->name(1), "d.png");
  EXPECT_EQ(pixels_of(*data, 1), std::vector<uint8_t>(81, 7));
  options.strict = true;
  expect_names(error_of(options), {"'b.png'"});
  std::filesystem::remove(folder / "a.png");
  std::filesystem::remove(folder / "d.png");
  options.strict = false;
  expect_names(error_of(options), {"'b.png'"});
}

TEST(Folder, TheKeyFollowsFilesAndOptions) {
  TemporaryFolder folder;
  write_bytes(folder / "a.png", png(1, 4, 4, 1));
  auto options = at_path(folder.path);
  const auto key = open_dataset(options)->key();
  EXPECT_EQ(open_dataset(options)->key(), key);
  options.resolution = 8;
  EXPECT_NE(open_dataset(options)->key(), key);
  options.resolution.reset();
  write_bytes(folder / "a.png", png(1, 4, 4, 2));
  std::filesystem::last_write_time(folder / "a.png",
                                   std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_NE(open_dataset(options)->key(), key);
}

TEST(InOrder, GivesEveryImageOnce) {
  TemporaryFolder folder;
  for (int i = 0; i < 5; ++i)
    write_bytes(folder / ("c" + std::to_string(i / 3)) / (std::to_string(i) + ".png"), png(1, 2, 3, i));
  const auto data = open_dataset(at_path(folder.path));
  const auto images = in_order(*data);
  EXPECT_EQ(images->next(3).size(), 3u);
  const auto rest = images->next(3);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[1].pixels[0][0][0].item<uint8_t>(), 4);
  EXPECT_EQ(rest[1].pixels.sizes(), (std::vector<int64_t>{2, 3, 1}));
  EXPECT_EQ(rest[1].label, 1);
  EXPECT_EQ(rest[1].name, "c1/4.png");
  EXPECT_TRUE(images->next(1).empty());
  EXPECT_EQ(in_order(*data)->next(9).size(), 5u);
}

#endif

}  // namespace
}  // namespace fqgan::test
