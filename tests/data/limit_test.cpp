// data.limit and data.limit_by, and classes that are left without an image.
#include "data/make_files.h"
#include "data/open_data.h"
#include "fqgan/data/dataset_request.h"
#include "fqgan/data/opened_data.h"

namespace fqgan::test {
namespace {

// Sorted by class, as in one folder per class.
void write_sorted(const std::filesystem::path& folder, const std::vector<int>& sizes) {
  std::vector<int> labels;
  for (size_t k = 0; k < sizes.size(); ++k)
    labels.insert(labels.end(), static_cast<size_t>(sizes[k]), static_cast<int>(k));
  write_bytes(folder / "train-images-idx3-ubyte", idx_images(static_cast<int>(labels.size()), 2, 2));
  write_bytes(folder / "train-labels-idx1-ubyte", idx_labels(labels));
}

std::vector<int64_t> class_sizes(const Dataset& data) {
  std::vector<int64_t> sizes(static_cast<size_t>(data.info().classes));
  for (const auto label : labels_of(data)) ++sizes.at(static_cast<size_t>(label));
  return sizes;
}

std::string warning_of(const Dataset& data) {
  testing::internal::CaptureStderr();
  warn_of_empty_classes(data);
  return testing::internal::GetCapturedStderr();
}

TEST(Limit, TakesAsManyOfEachClassAsPossible) {
  TemporaryFolder folder;
  write_sorted(folder.path, {30, 4, 30});
  auto options = at_path(folder.path);
  const std::vector<std::pair<int64_t, std::vector<int64_t>>> cases = {
      {2, {1, 1, 0}},  {3, {1, 1, 1}},    {9, {3, 3, 3}},   {11, {4, 4, 3}},
      {20, {8, 4, 8}}, {63, {30, 4, 29}}, {64, {30, 4, 30}}};
  for (const auto& [limit, sizes] : cases) {
    options.limit = limit;
    const auto data = open_dataset(options);
    EXPECT_EQ(data->info().images, limit);
    EXPECT_EQ(class_sizes(*data), sizes) << limit;
    const auto labels = labels_of(*data);
    EXPECT_TRUE(std::is_sorted(labels.begin(), labels.end())) << "the order of the source";
  }
  options.limit = 3;
  EXPECT_EQ(names_of(*open_dataset(options)),
            (std::vector<std::string>{"train-images-idx3-ubyte #0", "train-images-idx3-ubyte #30",
                                      "train-images-idx3-ubyte #34"}));
  options.limit_by = "order";
  EXPECT_EQ(class_sizes(*open_dataset(options)), (std::vector<int64_t>{3, 0, 0}));
}

TEST(Limit, AsLargeAsTheSetChangesNothing) {
  TemporaryFolder folder;
  write_sorted(folder.path, {3, 2});
  auto options = at_path(folder.path);
  const auto key = open_dataset(options)->key();
  for (const int64_t limit : {5, 500}) {
    options.limit = limit;
    EXPECT_EQ(open_dataset(options)->key(), key);
  }
}

TEST(Limit, IsTheSameWithAndWithoutTheLabels) {
  TemporaryFolder folder;
  write_sorted(folder.path, {9, 9, 9});
  auto options = at_path(folder.path);
  options.limit = 6;
  const auto with = open_dataset(options);
  options.labels = false;
  OpenedData data(options);
  const auto without = data.view();
  EXPECT_EQ(without->info().classes, 0);
  EXPECT_EQ(names_of(*without), names_of(*with));
  View labelled;
  labelled.labels = true;
  EXPECT_EQ(names_of(*data.view(labelled)), names_of(*with));
  EXPECT_EQ(names_of(*data.view()), names_of(*with));
  options.held_out = 2;
  options.held_out_per_class = true;
  options.labels = true;
  OpenedData parts(options);
  EXPECT_EQ(class_sizes(*parts.view()), (std::vector<int64_t>{2, 2, 2}));
  EXPECT_EQ(class_sizes(*parts.test()), (std::vector<int64_t>{2, 2, 2}));
  options.labels_per_class = 1;
  EXPECT_EQ(open_dataset(options)->info().unlabelled, 3);
  options.labels_per_class = 3;
  expect_names(error_of(options), {"'0'", "has 2", "the 6 images of data.limit"});
}

TEST(Limit, WithoutLabelsTakesTheFirst) {
  TemporaryFolder folder;
  write_bytes(folder / "images-idx3-ubyte", idx_images(9, 2, 2));
  auto options = at_path(folder.path);
  options.limit = 2;
  EXPECT_EQ(names_of(*open_dataset(options)),
            (std::vector<std::string>{"images-idx3-ubyte #0", "images-idx3-ubyte #1"}));
}

TEST(EmptyClasses, AreNamed) {
  TemporaryFolder folder;
  write_sorted(folder.path, {2, 0, 2});
  auto options = at_path(folder.path);
  expect_names(warning_of(*open_dataset(options)), {"1 of 3 classes has no image: '1'"});
  options.limit = 2;
  options.limit_by = "order";
  expect_names(warning_of(*open_dataset(options)), {"2 of 3 classes have no image: '1', '2'"});
  for (int k = 0; k < 12; ++k) options.class_names.push_back("c" + std::to_string(k));
  expect_names(warning_of(*open_dataset(options)), {"11 of 12 classes", "'c1', 'c2', 'c3', 'c4', 'c5' and 6 more"});
  options.class_names.clear();
  write_sorted(folder.path, {2, 2});
  options.limit.reset();
  EXPECT_EQ(warning_of(*open_dataset(options)), "");
  options.labels = false;
  EXPECT_EQ(warning_of(*open_dataset(options)), "");
}

#ifdef FQGAN_DECODERS
TEST(Limit, DecodesOnlyWhatIsChosen) {
  TemporaryFolder folder;
  for (const char* name : {"a/1.png", "a/2.png", "b/1.png", "b/2.png"}) write_bytes(folder / name, gray_png(7));
  write_bytes(folder / "a" / "2.png", "damaged");
  write_bytes(folder / "b" / "2.png", "damaged");
  auto options = at_path(folder.path);
  options.limit = 2;
  options.strict = true;
  const auto data = open_dataset(options);
  EXPECT_EQ(names_of(*data), (std::vector<std::string>{"a/1.png", "b/1.png"}));
  uint8_t pixels[4];
  EXPECT_EQ(data->read(1, pixels), 1);
  EXPECT_EQ(pixels[0], 7);
  options.limit = 4;
  expect_names(error_of(options), {"2 of 4", "'a/2.png'"});
}

TEST(Limit, ImagesWithoutAClassCountAsAClass) {
  TemporaryFolder folder;
  for (const char* name : {"cat", "dog", "unlabelled"})
    for (int i = 0; i < 5; ++i) write_bytes(folder / name / (std::to_string(i) + ".png"), gray_png(1));
  auto options = at_path(folder.path);
  options.limit = 7;
  const auto data = open_dataset(options);
  EXPECT_EQ(labels_of(*data), (std::vector<int64_t>{0, 0, 0, 1, 1, -1, -1}));
}
#endif

TEST(CropMargin, AtMostTheSizeOfTheCrops) {
  TemporaryFolder folder;
  write_sorted(folder.path, {2, 2});
  auto options = at_path(folder.path);
  options.resolution = 8;
  options.crop_margin = 8;
  EXPECT_EQ(open_dataset(options)->crop_margin(), 8);
  options.crop_margin = 8192;
  expect_names(error_of(options), {"crop_margin", "8 pixels", "8192"});
  options.crop_margin = 8;
  options.width = 4;
  expect_names(error_of(options), {"crop_margin", "4 pixels"});
}

}  // namespace
}  // namespace fqgan::test
