// Splits by the names of folders, archives and files.
#ifdef FQGAN_DECODERS
#include "fqgan/data/sources/splits.h"

#include "data/make_files.h"
#include "data/make_zip.h"
#include "data/open_data.h"
#include "fqgan/core/text.h"
#include "fqgan/data/opened_data.h"
#include "fqgan/data/sources/source.h"

namespace fqgan::test {
namespace {

void write_images(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  for (const auto& name : names) write_bytes(folder / name / "1.png", gray_png(1));
}

std::string only_image(const DataOptions& options) {
  const auto data = open_dataset(options);
  EXPECT_EQ(data->info().images, 1);
  return data->name(0);
}

TEST(Splits, NamesInAnyCase) {
  EXPECT_EQ(split_named("Training"), "train");
  EXPECT_EQ(split_named("TEST"), "test");
  EXPECT_EQ(split_named("Valid"), "val");
  EXPECT_EQ(split_named("unlabeled"), "unlabelled");
  EXPECT_EQ(split_named("hold-out"), "holdout");
  EXPECT_EQ(split_named("trains"), "");
  EXPECT_EQ(side_of("TrainA"), "A");
  EXPECT_EQ(side_of("test_b"), "B");
  EXPECT_EQ(side_of("Alpha"), "");
}

TEST(Splits, FoldersOfManyPublicSets) {
  const std::vector<std::vector<std::string>> sets = {{"Train", "Test"},
                                                      {"TRAIN", "TEST"},
                                                      {"Training", "Testing"},
                                                      {"train", "test", "extra"},
                                                      {"train", "test", "unlabeled"},
                                                      {"train", "dev", "Test"},
                                                      {"train", "val", "test"},
                                                      {"train2017", "val2017", "test2017", "unlabeled2017"},
                                                      {"cars_train", "cars_test"},
                                                      {"seg_train", "seg_test", "seg_pred"},
                                                      {"train_images", "Test_images"},
                                                      {"training_set", "test_set"},
                                                      {"trainset", "testset"},
                                                      {"train", "eval", "val"},
                                                      {"train"}};
  for (const auto& names : sets) {
    TemporaryFolder folder;
    for (const auto& name : names) write_images(folder.path, {name + "/cat", name + "/dog"});
    EXPECT_EQ(classes_at(folder.path), (std::vector<std::string>{"cat", "dog"})) << names[0];
    EXPECT_NE(lower(open_dataset(at_path(folder.path))->name(0)).find("train"), std::string::npos) << names[0];
    if (names.size() == 1) continue;
    const auto test = open_dataset(of_split(folder.path, "test"))->name(0);
    EXPECT_EQ(lower(test).find("train"), std::string::npos) << test;
  }
}

TEST(Splits, ANamedSplitThatIsNotThereIsAnError) {
  TemporaryFolder folder;
  write_images(folder / "none", {"."});
  write_images(folder / "classes", {"cat", "dog"});
  write_images(folder / "trains", {"plane", "train", "truck"});
  write_images(folder / "splits", {"train/a", "test/a"});
  write_bytes(folder / "idx" / "train-images-idx3-ubyte", idx_images(5, 2, 2));
  write_bytes(folder / "file" / "images-idx3-ubyte", idx_images(5, 2, 2));
  write_zip(folder / "a.zip", {{"1.png", gray_png(1)}});
  for (const char* name : {"none", "classes", "trains", "idx", "file", "file/images-idx3-ubyte", "a.zip"}) {
    expect_error<MissingSplit>([&] { open_dataset(of_split(folder / name, "test")); }, {"'test'", name});
    EXPECT_EQ(OpenedData(at_path(folder / name)).test(), nullptr) << name;
    EXPECT_GT(open_dataset(at_path(folder / name))->info().images, 0) << name;
  }
  EXPECT_EQ(only_image(of_split(folder / "trains", "train")), "train/1.png");
  for (const char* name : {"none", "classes", "file", "a.zip"})
    expect_error<MissingSplit>([&] { open_dataset(of_split(folder / name, "train")); }, {"'train'", name});
  for (const char* split : {"val", "extra", "unlabelled", "dev"})
    expect_error<MissingSplit>([&] { open_dataset(of_split(folder / "splits", split)); }, {split, "'test'", "'train'"});
  expect_names(error_of(of_split(folder / "splits", "Tset")), {"data.split", "'Tset'", "'test'"});
  EXPECT_EQ(only_image(of_split(folder / "splits", "Testing")), "test/a/1.png");
}

TEST(Splits, OfARunOfAnEarlierVersion) {
  TemporaryFolder folder;
  write_bytes(folder / "plain" / "1.png", gray_png(1));
  write_bytes(folder / "split" / "train" / "1.png", gray_png(1));
  write_bytes(folder / "split" / "test" / "1.png", gray_png(1));
  write_bytes(folder / "tests" / "test" / "1.png", gray_png(1));
  const auto accepted = [&](const std::string& path, const std::string& split) {
    auto options = of_split(folder / path, split);
    accept_split_of_run(options);
    return options.split.value_or("none");
  };
  EXPECT_EQ(accepted("plain", "train"), "none");
  EXPECT_EQ(accepted("plain", "test"), "test");
  EXPECT_EQ(accepted("split", "train"), "train");
  EXPECT_EQ(accepted("tests", "train"), "train");
  EXPECT_EQ(accepted("nowhere", "train"), "train");
  expect_names(error_of(of_split(folder / "plain", "train")), {"leave data.split out"});
}

TEST(Splits, ValidationImagesAreTestImagesWhereThereAreNoOthers) {
  TemporaryFolder folder;
  write_images(folder / "two", {"train", "Validation"});
  write_images(folder / "three", {"train", "val", "test"});
  EXPECT_EQ(only_image(of_split(folder / "two", "test")), "Validation/1.png");
  EXPECT_EQ(only_image(of_split(folder / "two", "val")), "Validation/1.png");
  EXPECT_EQ(only_image(of_split(folder / "three", "test")), "test/1.png");
  EXPECT_EQ(only_image(of_split(folder / "three", "valid")), "val/1.png");
  EXPECT_EQ(names_of(*OpenedData(at_path(folder / "three")).test()), std::vector<std::string>{"test/1.png"});
}

TEST(Splits, TwoFoldersOfOneSplit) {
  TemporaryFolder folder;
  write_images(folder.path, {"train", "Training", "test"});
  expect_names(error_of(at_path(folder.path)), {"'Training', 'train'"});
  EXPECT_EQ(only_image(of_split(folder.path, "test")), "test/1.png");
}

TEST(Splits, OnlyTestImages) {
  TemporaryFolder folder;
  write_images(folder / "x", {"test/a", "test/b"});
  expect_names(error_of(at_path(folder / "x")), {"'train'", "'test'", "data.split = \"test\""});
  EXPECT_EQ(open_dataset(of_split(folder / "x", "test"))->info().classes, 2);
}

TEST(Splits, WhatLooksLikeSplitsIsSaid) {
  TemporaryFolder folder;
  write_images(folder / "a", {"train", "test", "cats"});
  write_images(folder / "b", {"train", "test1"});
  write_images(folder / "c", {"plane", "train"});
  write_images(folder / "d", {"extra", "unlabelled", "cat"});
  expect_names(log_of(at_path(folder / "a")), {"'test', 'train'", "classes", "data.split"});
  expect_names(log_of(at_path(folder / "b")), {"'test1', 'train'", "classes"});
  expect_names(log_of(at_path(folder / "c")), {"'train'", "classes"});
  EXPECT_EQ(log_of(at_path(folder / "d")), "");
  EXPECT_EQ(classes_at(folder / "a"), (std::vector<std::string>{"cats", "test", "train"}));
  EXPECT_EQ(only_image(of_split(folder / "a", "test")), "test/1.png");
  EXPECT_EQ(only_image(of_split(folder / "b", "train")), "train/1.png");
}

TEST(Splits, DomainsInAnyCase) {
  TemporaryFolder folder;
  write_images(folder / "x", {"TrainA", "TrainB", "testA", "testB"});
  write_images(folder / "y", {"train_a", "train_b"});
  write_images(folder / "z", {"cat", "dog"});
  auto options = at_path(folder / "x");
  expect_names(error_of(options), {"data.domain"});
  options.domain = "B";
  EXPECT_EQ(only_image(options), "TrainB/1.png");
  options.split = "test";
  EXPECT_EQ(only_image(options), "testB/1.png");
  options = at_path(folder / "y");
  options.domain = "A";
  EXPECT_EQ(only_image(options), "train_a/1.png");
  options.path = (folder / "z").string();
  expect_names(error_of(options), {"data.domain", "\"A\""});
}

TEST(Splits, Archives) {
  TemporaryFolder folder;
  write_bytes(folder / "s" / "notes.txt", "x");
  write_zip(folder / "s" / "Train.zip", {{"cat/1.png", gray_png(1)}, {"dog/1.png", gray_png(1)}});
  write_zip(folder / "s" / "VAL.ZIP", {{"val/cat/2.png", gray_png(1)}, {"val/dog/2.png", gray_png(1)}});
  write_zip(folder / "one.zip",
            {{"Train/a/1.png", gray_png(1)}, {"Test/a/2.png", gray_png(1)}, {"Extra/a/3.png", gray_png(1)}});
  EXPECT_EQ(names_of(*open_dataset(at_path(folder / "s"))), (std::vector<std::string>{"cat/1.png", "dog/1.png"}));
  EXPECT_EQ(open_dataset(of_split(folder / "s", "train"))->info().classes, 2);
  for (const char* split : {"test", "val"})
    EXPECT_EQ(names_of(*open_dataset(of_split(folder / "s", split))),
              (std::vector<std::string>{"val/cat/2.png", "val/dog/2.png"}));
  expect_error<MissingSplit>([&] { open_dataset(of_split(folder / "s", "extra")); }, {"'extra'", "'Train.zip'"});
  EXPECT_EQ(only_image(at_path(folder / "one.zip")), "Train/a/1.png");
  EXPECT_EQ(only_image(of_split(folder / "one.zip", "test")), "Test/a/2.png");
  EXPECT_EQ(only_image(of_split(folder / "one.zip", "extra")), "Extra/a/3.png");
}

TEST(Splits, Idx) {
  TemporaryFolder folder;
  write_bytes(folder / "emnist-letters-Train-images-idx3-ubyte", idx_images(5, 2, 2));
  write_bytes(folder / "emnist-letters-test-images-idx3-ubyte", idx_images(3, 2, 2));
  EXPECT_EQ(open_dataset(at_path(folder.path))->info().images, 5);
  EXPECT_EQ(open_dataset(of_split(folder.path, "test"))->info().images, 3);
  expect_error<MissingSplit>([&] { open_dataset(of_split(folder.path, "val")); }, {"'val'"});
  const auto file = folder / "emnist-letters-test-images-idx3-ubyte";
  EXPECT_EQ(open_dataset(at_path(file))->info().images, 3);  // a file is what it is
  EXPECT_EQ(open_dataset(of_split(file, "test"))->info().images, 3);
  expect_error<MissingSplit>([&] { open_dataset(of_split(file, "train")); }, {"'train'"});
}

}  // namespace
}  // namespace fqgan::test
#endif
