// Class names of files and folders, dataset.json, and text that is not UTF-8.
#ifdef FQGAN_DECODERS
#include "fqgan/data/sources/class_names.h"

#include "data/make_files.h"
#include "data/make_zip.h"
#include "data/open_data.h"
#include "fqgan/core/text.h"
#include "fqgan/data/sources/dataset_json.h"

namespace fqgan::test {
namespace {

const std::string mark = "\xef\xbb\xbf";

void write_images(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  for (const auto& name : names) write_bytes(folder / name, gray_png(1));
}

TEST(ClassNames, Lines) {
  const std::vector<std::string> expected = {"cat", "big dog"};
  for (const auto& text : {"cat\nbig dog", "cat\r\nbig dog\r\n", "cat\rbig dog\r", "\n cat \nbig dog\t\n\n\n"}) {
    EXPECT_EQ(names_by_line(text, "x"), expected);
    EXPECT_EQ(names_by_line(mark + text, "x"), expected);
  }
  EXPECT_TRUE(names_by_line("", "x").empty());
  expect_error<UserError>([] { names_by_line("cat\n\ndog\n", "x"); }, {"[data] x", "empty line after 'cat'"});
}

TEST(ClassNames, FromFilesInOrderOrByName) {
  TemporaryFolder folder;
  write_images(folder.path, {"a/1.png", "b/1.png"});
  write_bytes(folder / "class_names.txt", mark + "first\r\nsecond\r\n");
  EXPECT_EQ(classes_at(folder.path), (std::vector<std::string>{"first", "second"}));
  write_bytes(folder / "class_names.txt", "b\nnone\na\n");  // the folders' own names: their lines are the labels
  const auto data = open_dataset(at_path(folder.path));
  EXPECT_EQ(data->info().class_names, (std::vector<std::string>{"b", "none", "a"}));
  EXPECT_EQ(labels_of(*data), (std::vector<int64_t>{2, 0}));
}

TEST(ClassNames, ForSomeFoldersOnlyAreAnError) {
  TemporaryFolder folder;
  const auto opens = [&](const std::string& lines) {
    Files files = {{"class_names.txt", lines}};
    for (const char* name : {"bag", "cat", "dog"}) files.push_back({name + std::string("/1.png"), gray_png(1)});
    for (const auto& [name, bytes] : files) write_bytes(folder / "tree" / name, bytes);
    write_zip(folder / "tree.zip", files);
  };
  const auto labels = [&](const std::string& lines) {
    opens(lines);
    const auto result = labels_of(*open_dataset(at_path(folder / "tree")));
    EXPECT_EQ(labels_of(*open_dataset(at_path(folder / "tree.zip"))), result);
    return result;
  };
  const auto fails = [&](const std::string& lines, const std::vector<std::string>& parts) {
    opens(lines);
    for (const char* path : {"tree", "tree.zip"}) {
      const auto error = error_of(at_path(folder / path));
      expect_names(error, parts);
      EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    }
  };
  fails("dog\ncta\nbag\n", {"class_names.txt", "none for 'cat'", "the lines 'cta'"});
  fails("DOG\nx\ny\nz\n", {"none for 'bag', 'cat'", "the lines 'x', 'y', 'z'"});
  fails("dog\nbag\n", {"none for 'cat'. Hint"});
  EXPECT_EQ(labels("x\ny\nz\n"), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(labels("Dog\nCAT\nbag\nowl\n"), (std::vector<int64_t>{2, 1, 0}));
  EXPECT_EQ(labels("Dog\nCAT\ncat\nbag\ndog"), (std::vector<int64_t>{3, 2, 4}));
}

// The labels of folders with an image each, given the lines of class_names.txt.
std::vector<int64_t> labels_with(const std::vector<std::string>& folders, const std::string& lines) {
  TemporaryFolder folder;
  for (const auto& name : folders) write_images(folder / name, {"1.png"});
  write_bytes(folder / "class_names.txt", lines);
  return labels_of(*open_dataset(at_path(folder.path)));
}

TEST(ClassNames, MatchInAnotherEncodingOfAccentsOrCase) {
  using Labels = std::vector<int64_t>;
  EXPECT_EQ(labels_with({"cafe\u0301", "the\u0301"}, "th\u00e9\ncaf\u00e9\n"), (Labels{1, 0}));
  EXPECT_EQ(labels_with({"E\u0301COLE", "zoo"}, "Zoo\n\u00e9cole\n"), (Labels{1, 0}));
  EXPECT_EQ(labels_with({"cote\u0301", "co\u0302te"}, "c\u00f4te\ncot\u00e9\n"), (Labels{1, 0}));  // sorted
  EXPECT_EQ(labels_with({"\u041a\u041e\u0422", "\u0420\u042b\u0411\u0410"},                        // Cyrillic
                        "\u0440\u044b\u0431\u0430\n\u043a\u043e\u0442\n"),
            (Labels{1, 0}));
  EXPECT_EQ(labels_with({"\u0391", "\u0393\u0391\u03a3"}, "\u03b3\u03b1\u03c2\n\u03b1\n"), (Labels{1, 0}));  // Greek
  EXPECT_EQ(labels_with({"\u1112\u1161\u11ab", "\u304b\u3099"}, "\u304c\n\ud55c\n"), (Labels{1, 0}));
  EXPECT_EQ(labels_with({"cafe", "the"}, "th\u00e9\ncaf\u00e9\n"), (Labels{1, 0}));
  EXPECT_EQ(labels_with({"e\u0302\u0301", "x"}, "x\n\u1ebf\n"), (Labels{1, 0}));
  EXPECT_EQ(labels_with({"n01", "n02"}, "cat\ndog\n"), (Labels{0, 1}));
}

TEST(ClassNames, ThatCouldBeTwoFoldersAreAnError) {
  TemporaryFolder folder;
  write_images(folder.path, {"Cat/1.png", "CAT/1.png"});
  write_bytes(folder / "class_names.txt", "cat\ndog\n");
  expect_names(error_of(at_path(folder.path)), {"none for 'CAT', 'Cat'", "the lines 'cat', 'dog'", "exact"});
}

TEST(ClassNames, ByOrderAreLogged) {
  TemporaryFolder folder;
  for (const char* name : {"n1", "n2", "n3", "n4", "n5", "n6"}) write_images(folder / name, {"1.png"});
  write_bytes(folder / "class_names.txt", "a\nb\nc\nd\ne\nf\n");
  expect_names(log_of(at_path(folder.path)), {"class_names.txt: class names by order: 'n1' is 'a', ", " and 1 more"});
  write_bytes(folder / "class_names.txt", "n6\nn2\nn3\nn4\nn5\nn1\n");
  EXPECT_EQ(log_of(at_path(folder.path)).find("by order"), std::string::npos);
}

TEST(ClassNames, OfTwoFoldersThatLookTheSame) {
  TemporaryFolder folder;
  write_images(folder.path, {"caf\u00e9/1.png", "cafe\u0301/1.png", "cafe/1.png", "Cafe/1.png"});
  const auto log = log_of(at_path(folder.path));
  expect_names(log, {"two class folders are named 'caf\u00e9'", "two encodings"});
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

TEST(ClassNames, OfASplitMayStandAboveIt) {
  TemporaryFolder folder;
  write_images(folder.path, {"data/train/0/1.png", "data/train/1/1.png", "data/test/0/1.png"});
  write_bytes(folder / "class_names.txt", "cat\ndog\n");
  EXPECT_EQ(classes_at(folder.path), (std::vector<std::string>{"cat", "dog"}));
  write_bytes(folder / "data" / "train" / "class_names.txt", "kitten\npuppy\n");
  EXPECT_EQ(classes_at(folder.path), (std::vector<std::string>{"kitten", "puppy"}));
}

TEST(ClassNames, TwiceEmptyOrNotUtf8) {
  TemporaryFolder folder;
  write_images(folder.path, {"a/1.png", "b/1.png"});
  write_bytes(folder / "class_names.txt", "cat\ncat\n");
  expect_names(error_of(at_path(folder.path)), {"class_names.txt", "'cat' twice"});
  write_bytes(folder / "class_names.txt", "cat\ncaf\xe9\n");
  expect_names(error_of(at_path(folder.path)), {"class_names.txt", "UTF-8"});
  write_bytes(folder / "class_names.txt", std::string("\xff\xfe") + std::string("c\0a\0", 4));
  expect_names(error_of(at_path(folder.path)), {"class_names.txt", "UTF-8"});
  std::filesystem::remove(folder / "class_names.txt");
  write_bytes(folder / "dataset.json", R"({"labels": [["a/1.png", 0], ["b/1.png", 1]], "class_names": ["x", "x"]})");
  expect_names(error_of(at_path(folder.path)), {"dataset.json", "'x' twice"});
  write_bytes(folder / "dataset.json", R"({"labels": [["a/1.png", 0], ["b/1.png", 1]]})");
  auto options = at_path(folder.path);
  options.class_names = {"y", "y"};
  expect_names(error_of(options), {"'y' twice"});
  write_images(folder / "unlabelled", {"1.png"});
  options.path = (folder / "unlabelled").string();
  expect_names(error_of(options), {"'y' twice"});
  options.class_names = {"y", ""};
  expect_names(error_of(options), {"empty"});
}

TEST(ClassNames, WithControlCharacters) {
  TemporaryFolder folder;
  const auto expect_refused = [](DataOptions options, const std::vector<std::string>& parts) {
    const auto error = error_of(options);
    expect_names(error, parts);
    EXPECT_EQ(one_line(error), error);
    options.labels = false;
    EXPECT_EQ(open_dataset(options)->info().images, 2);
  };
  write_images(folder / "folders", {"a\nb/1.png", "c/1.png"});
  expect_refused(at_path(folder / "folders"), {"folders: ", "control characters", "'a\\nb'", "rename the folder"});
  write_zip(folder / "a.zip", {{"a\nb/1.png", gray_png(1)}, {"c/1.png", gray_png(1)}});
  expect_refused(at_path(folder / "a.zip"), {"a.zip: ", "'a\\nb'"});
  write_images(folder / "json", {"1.png", "2.png"});
  write_bytes(folder / "json" / "dataset.json", R"({"labels": [["1.png", 0]], "class_names": ["a\nb"]})");
  expect_refused(at_path(folder / "json"), {"dataset.json: ", "'a\\nb'", "correct the list"});
  write_images(folder / "lines", {"a/1.png", "b/1.png"});
  write_bytes(folder / "lines" / "class_names.txt", "a\tA\nb\tB\n");
  expect_refused(at_path(folder / "lines"), {"class_names.txt: ", "'a\\tA'"});
  auto options = at_path(folder / "json");
  std::filesystem::remove(folder / "json" / "dataset.json");
  options.class_names = {"a\r"};
  expect_names(error_of(options), {"class_names: ", "'a\\x0d'"});
}

TEST(ClassNames, FoldersAndFilesThatAreNotUtf8) {
  TemporaryFolder folder;
  write_images(folder / "classes", {"caf\xe9/1.png", "b/1.png"});
  const auto error = error_of(at_path(folder / "classes"));
  expect_names(error, {"UTF-8", "caf"});
  EXPECT_TRUE(is_utf8(error));
  auto options = at_path(folder / "classes");
  options.labels = false;
  EXPECT_EQ(open_dataset(options)->info().images, 2);
  write_images(folder / "files", {"a/caf\xe9.png"});
  write_bytes(folder / "files" / "a" / "bad\xff.png", "no image");
  testing::internal::CaptureStderr();
  const auto data = open_dataset(at_path(folder / "files"));
  EXPECT_TRUE(is_utf8(testing::internal::GetCapturedStderr()));
  EXPECT_EQ(names_of(*data), std::vector<std::string>{"a/caf\xef\xbf\xbd.png"});
  ASSERT_EQ(data->skipped().size(), 1u);
  EXPECT_EQ(data->skipped()[0].name, "a/bad\xef\xbf\xbd.png");
  const auto odd = folder / "caf\xe9";
  write_images(odd, {"1.png"});
  EXPECT_TRUE(is_utf8(error_of(at_path(odd))));
  EXPECT_NE(error_of(at_path(odd)), "");
}

TEST(ClassNames, ExactNamesComeFirst) {
  const auto named = [](const std::string& name, const std::vector<std::string>& names) {
    return class_named(name, names, "--class");
  };
  EXPECT_EQ(named("a", {"A", "a"}), 1);
  EXPECT_EQ(named("A", {"A", "a"}), 0);
  EXPECT_EQ(named("CAT", {"dog", "cat"}), 1);
  EXPECT_EQ(named("1", {"2", "0", "1"}), 2);
  EXPECT_EQ(named("1", {"cat", "dog"}), 1);
  expect_error<UserError>([&] { named("cat", {"Cat", "CAT", "dog"}); }, {"[--class] ", "'Cat', 'CAT'"});
  expect_error<UserError>([&] { named("dgo", {"cat", "dog"}); }, {"'dog'"});
  expect_error<UserError>([&] { named("2", {"cat", "dog"}); }, {"0 to 1"});
}

TEST(DatasetJson, FaultsAreNamedWithTheirPlace) {
  const auto error = [](const std::string& text) {
    return message_of<UserError>([&] { parse_dataset_json(text, "it"); });
  };
  expect_names(error("{\"labels\": [\n  [\"a.png\", 1],\n  [\"b.png\" 1]]}"), {"it", "line 3, column 12"});
  expect_names(error("{"), {"line 1, column 2"});
  expect_names(error(""), {"line 1, column 1"});
  expect_names(error("{\"labels\": [[\"caf\xe9.png\", 1]]}"), {"line 1"});
  expect_names(error("{\"labels\": [[\"a.png\", 1e999]]}"), {"it", "number"});
  expect_names(error("[1]"), {"another JSON value"});
  expect_names(error(R"({"labels": [["a.png", 1], ["a.png", 2]]})"), {"'a.png'", "1 and 2"});
  expect_names(error(R"({"labels": [["./b//a.png", 1], ["b\\a.png", 2]]})"), {"'b/a.png'", "1 and 2"});
  EXPECT_EQ(parse_dataset_json(R"({"labels": [["./a.png", 1], ["a.png", 1]]})", "it").labels.size(), 1u);
  expect_names(error(R"({"class_names": "cat"})"), {"class_names", "list"});
  EXPECT_EQ(parse_dataset_json(mark + R"({"labels": [["a.png", 1], ["a.png", 1]]})", "it").labels.at("a.png"), 1);
}

TEST(DatasetJson, DeepNestingIsRefused) {
  const auto nested = [](size_t depth) {
    return "{\"labels\": [" + std::string(depth, '[') + std::string(depth, ']') + "]}";
  };
  const auto error = [](const std::string& text) {
    return message_of<UserError>([&] { parse_dataset_json(text, "it"); });
  };
  for (const size_t depth : {101u, 300'000u}) {
    expect_names(error(nested(depth)), {"it", "at most 100"});
    EXPECT_EQ(error(nested(depth)).find('\n'), std::string::npos);
  }
  expect_names(error(nested(90)), {"it", "[[[", "whole number"});
  expect_names(error(std::string(300'000, '[')), {"it", "at most 100"});
}

TEST(DatasetJson, LabelsOfFilesThatAreNotRead) {
  TemporaryFolder folder;
  const auto json = [](const std::string& more) {
    return R"({"labels": [["a/1.png", 1], ["a/2.bmp", 2], [".hid.png", 0], ["@eaDir/3.png", 1], ["a/4.txt", 0],
               ["run/samples/5.png", 0], ["dataset.json", 0])" +
           more + "]}";
  };
  Files files = {{"a/1.png", gray_png(1)},      {"a/2.bmp", "BM"},    {".hid.png", gray_png(1)},
                 {"@eaDir/3.png", gray_png(1)}, {"a/4.txt", "x"},     {"run/samples/5.png", gray_png(1)},
                 {"run/recipe.toml", ""},       {"run/log.jsonl", ""}};
  for (const char* more : {"", R"(, ["a/6.png", 1], ["b/7.bmp", 0])"}) {
    files.emplace_back("dataset.json", json(more));
    for (const auto& [name, bytes] : files) write_bytes(folder / "tree" / name, bytes);
    write_zip(folder / "tree.zip", files);
    files.pop_back();
    for (const char* path : {"tree", "tree.zip"}) {
      if (*more != 0) {
        expect_names(error_of(at_path(folder / path)), {"dataset.json: ", "2 labels", "'a/6.png', 'b/7.bmp'"});
        continue;
      }
      expect_names(log_of(at_path(folder / path)), {"dataset.json: 6 labels of files that are not read as images"});
      EXPECT_EQ(labels_of(*open_dataset(at_path(folder / path))), std::vector<int64_t>{1});
    }
  }
}

}  // namespace
}  // namespace fqgan::test
#endif
