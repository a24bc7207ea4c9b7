// One opened source with several views: nothing is read twice, and each view says what it shows.
#include "fqgan/data/views.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <set>

#include "data/make_files.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/dataset_request.h"
#include "fqgan/data/images/image_file.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

DataOptions at_path(const std::filesystem::path& path) {
  DataOptions options;
  options.path = path.string();
  return options;
}

std::vector<std::string> names_of(const Dataset& data) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < data.info().images; ++i) names.push_back(data.name(i));
  return names;
}

std::string png(int brightness) { return encode_png(at::zeros({1, 3, 3}, at::kByte).fill_(brightness)); }

// train/ and test/ with two classes each; `images` in each class folder of train.
void write_splits(const std::filesystem::path& folder, int images) {
  for (const char* label : {"bag", "shoe"})
    for (int i = 0; i < images; ++i) {
      write_bytes(folder / "train" / label / (std::to_string(i) + ".png"), png(i));
      if (i < 2) write_bytes(folder / "test" / label / (std::to_string(i) + ".png"), png(100 + i));
    }
}

DatasetRequest part_of_data(const std::string& name, const std::string& part) {
  DatasetRequest request{name};
  request.view.part = part;
  return request;
}

/// Four images of the classes a, a, b and none.
struct Four : Dataset {
  Four() { info_ = {4, 1, 1, 1, 2, {"a", "b"}, 1}; }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    *pixels = static_cast<uint8_t>(10 + index);
    return index == 3 ? -1 : index / 2;
  }
  std::string name(int64_t index) const override { return std::to_string(index); }
  std::string key() const override { return content; }
  DataInfo info_;
  std::string content = "four";
};

TEST(Subset, ShowsTheChosenImagesInTheirOrder) {
  const Four whole;
  const auto some = subset(whole, {3, 0});
  EXPECT_EQ(some->info().images, 2);
  EXPECT_EQ(some->info().unlabelled, 1);
  EXPECT_EQ(some->info().class_names, whole.info().class_names);
  EXPECT_EQ(names_of(*some), (std::vector<std::string>{"3", "0"}));
  uint8_t pixel = 0;
  EXPECT_EQ(some->read(1, &pixel), 0);
  EXPECT_EQ(pixel, 10);
  EXPECT_EQ(some->label(0), -1);
  EXPECT_EQ(subset(whole, {0, 2})->info().unlabelled, 0);
  EXPECT_THROW(some->read(2, &pixel), InternalError);
  expect_error<UserError>([&] { subset(whole, {}); }, {"[data]"});
}

TEST(Subset, TheKeyFollowsContentAndChoice) {
  Four whole;
  const auto key = subset(whole, {0, 1})->key();
  EXPECT_EQ(subset(whole, {0, 1})->key(), key);
  EXPECT_NE(subset(whole, {1, 0})->key(), key);
  EXPECT_NE(subset(whole, {0, 2})->key(), key);
  EXPECT_NE(whole.key(), key);
  whole.content = "other";
  EXPECT_NE(subset(whole, {0, 1})->key(), key);
}

TEST(HoldOut, OfAllAndOfEachClass) {
  std::vector<int64_t> labels;
  for (int i = 0; i < 60; ++i) labels.push_back(i % 4 - 1);  // none, 0, 1, 2
  for (const bool per_class : {false, true}) {
    const auto parts = hold_out(labels, {5, per_class, 1});
    EXPECT_EQ(parts.held_out.size(), per_class ? 15u : 5u);
    std::set<int64_t> all(parts.held_out.begin(), parts.held_out.end());
    all.insert(parts.rest.begin(), parts.rest.end());
    EXPECT_EQ(all.size(), 60u);
    EXPECT_EQ(parts.held_out.size() + parts.rest.size(), 60u);
    std::vector<int64_t> counts(4);
    for (const int64_t i : parts.held_out) ++counts[labels[i] + 1];
    if (per_class) {
      EXPECT_EQ(counts, (std::vector<int64_t>{0, 5, 5, 5}));
    }
    EXPECT_EQ(hold_out(labels, {5, per_class, 1}).held_out, parts.held_out);
    EXPECT_NE(hold_out(labels, {5, per_class, 2}).held_out, parts.held_out);
  }
  expect_error<UserError>([&] { hold_out(labels, {60, false, 1}); }, {"data.held_out", "60"});
  expect_error<UserError>([&] { hold_out(labels, {15, true, 1}); }, {"data.held_out", "15"});
}

// After the first view the files are gone: whatever comes later must come from what was opened.
TEST(OpenedData, AnArchiveIsReadOnceForAllViews) {
  TemporaryFolder folder;
  write_splits(folder / "images", 6);
  auto options = at_path(folder / "images");
  options.labels_per_class = 2;
  OpenedData data(options);
  set_log_level(LogLevel::verbose);
  testing::internal::CaptureStderr();
  const auto train = data.view();
  Datasets sets;
  open_requests(data, {{"train"}, labelled_images(), part_of_data("unlabelled", "unlabelled")}, sets);
  View whole;
  whole.whole = true;
  EXPECT_EQ(data.view(whole)->info().images, 12);
  EXPECT_EQ(data.view(whole)->info().unlabelled, 0);
  ASSERT_TRUE(data.test());
  EXPECT_EQ(data.test()->info().images, 4);
  const auto log = testing::internal::GetCapturedStderr();
  set_log_level(LogLevel::normal);
  EXPECT_CONTAINS(log, "[data] reading ");
  EXPECT_EQ(log.find("[data] reading "), log.rfind("[data] reading ")) << log;
  EXPECT_EQ(train->info().unlabelled, 8);
  EXPECT_EQ(sets.at("labelled")->info().images, 4);
  EXPECT_EQ(sets.at("labelled")->info().unlabelled, 0);
  EXPECT_EQ(sets.at("unlabelled")->info().images, 8);
  EXPECT_EQ(infos_of(sets).at("unlabelled").images, 8);
  EXPECT_EQ(main_info(infos_of(sets)).images, 12);
  std::filesystem::remove_all(folder / "images");
  uint8_t pixels[9];
  for (int64_t i = 0; i < 4; ++i) EXPECT_GE(sets.at("labelled")->read(i, pixels), 0);
  EXPECT_EQ(data.view(whole)->info().images, 12);
  std::set<std::string> keys = {train->key(), data.view(whole)->key(), data.test()->key()};
  for (const auto& [name, set] : sets) keys.insert(set->key());
  EXPECT_EQ(keys.size(), 5u);  // "train" is what view() shows
}

TEST(OpenedData, ALimitIsOfTheViewAndNotOfTheWhole) {
  TemporaryFolder folder;
  write_splits(folder.path, 5);
  auto options = at_path(folder.path);
  options.limit = 3;
  OpenedData data(options);
  EXPECT_EQ(data.view()->info().images, 3);
  View whole;
  whole.whole = true;
  EXPECT_EQ(data.view(whole)->info().images, 10);
  EXPECT_EQ(data.view()->info().images, 3);
  EXPECT_EQ(data.test()->info().images, 4);
  EXPECT_EQ(data.view()->key(), open_dataset(options)->key());
}

TEST(OpenedData, HeldOutImagesStandInNoOtherView) {
  TemporaryFolder folder;
  write_splits(folder.path, 6);
  auto options = at_path(folder.path);
  options.held_out = 2;
  options.held_out_per_class = true;
  OpenedData data(options);
  const auto train = data.view(), test = data.test();
  EXPECT_EQ(train->info().images, 8);
  ASSERT_EQ(test->info().images, 4);
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(test->label(i), i / 2);
  View whole;
  whole.whole = true;
  auto all = names_of(*data.view(whole));
  EXPECT_EQ(all.size(), 8u);
  for (const auto& name : names_of(*test)) {
    EXPECT_EQ(std::count(all.begin(), all.end(), name), 0) << name;
    all.push_back(name);
  }
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 12u);
  View tests;
  tests.split = "test";
  EXPECT_EQ(data.view(tests)->info().images, 4);  // nothing is held out of these
  View unlabelled;
  unlabelled.labels = false;
  EXPECT_EQ(names_of(*data.view(unlabelled)), names_of(*train));
  options.held_out_seed = 1;
  EXPECT_NE(names_of(*OpenedData(options).test()), names_of(*test));
  options.held_out = 6;
  expect_error<UserError>([&] { open_dataset(options); }, {"[data.held_out] "});
}

TEST(OpenedData, TheDomainsOfATranslationSet) {
  TemporaryFolder folder;
  for (const char* split : {"train", "test"})
    for (const char* domain : {"A", "B"})
      write_bytes(folder / (std::string(split) + domain) / (std::string(domain) + ".png"), png(*domain));
  OpenedData data(at_path(folder.path));
  Datasets sets;
  open_requests(data, {domain_images("A"), domain_images("B")}, sets);
  EXPECT_EQ(names_of(*sets.at("a")), std::vector<std::string>{"trainA/A.png"});
  EXPECT_EQ(names_of(*sets.at("b")), std::vector<std::string>{"trainB/B.png"});
  View test = domain_images("B").view;
  test.split = "test";
  EXPECT_EQ(names_of(*data.view(test)), std::vector<std::string>{"testB/B.png"});
  const auto infos = infos_of(sets);
  EXPECT_EQ(&main_info(infos), &infos.at("a"));
  expect_error<UserError>([&] { data.view(); }, {"data.domain"});
}

TEST(OpenedData, WithoutATestSplitThereIsNone) {
  TemporaryFolder folder;
  write_bytes(folder / "a.png", png(1));
  EXPECT_EQ(OpenedData(at_path(folder.path)).test(), nullptr);
  write_bytes(folder / "b" / "train" / "a.png", png(1));
  EXPECT_EQ(OpenedData(at_path(folder / "b")).test(), nullptr);
}

TEST(OpenedData, LabelsThatTheRecipeForgetsCanBeAskedFor) {
  TemporaryFolder folder;
  write_splits(folder.path, 3);
  auto options = at_path(folder.path);
  options.labels = false;
  OpenedData data(options);
  EXPECT_EQ(data.view()->info().classes, 0);
  View labelled;
  labelled.labels = true;
  EXPECT_EQ(data.view(labelled)->info().classes, 2);
  EXPECT_EQ(data.view()->info().classes, 0);
}

}  // namespace
}  // namespace fqgan::test
