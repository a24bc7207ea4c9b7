// Folders and archives as trees of files: links, runs, files of other tools, images by content, and names. A folder and
// a zip of the same files are the same data.
#ifdef FQGAN_DECODERS
#include <unistd.h>

#include "data/make_files.h"
#include "data/make_zip.h"
#include "data/open_data.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/data/archives/file_tree.h"
#include "fqgan/data/manifest.h"

namespace fqgan::test {
namespace {

namespace fs = std::filesystem;

void write_tree(const fs::path& folder, const Files& files) {
  for (const auto& [name, bytes] : files) write_bytes(folder / name, bytes);
}

void expect_same(const Dataset& a, const Dataset& b) {
  EXPECT_EQ(names_of(a), names_of(b));
  EXPECT_EQ(labels_of(a), labels_of(b));
  EXPECT_EQ(a.info().class_names, b.info().class_names);
  ASSERT_EQ(a.info().images, b.info().images);
  std::vector<uint8_t> mine(4 * 4), theirs(4 * 4);
  for (int64_t i = 0; i < a.info().images; ++i) {
    a.read(i, mine.data());
    b.read(i, theirs.data());
    EXPECT_EQ(mine, theirs) << a.name(i);
  }
}

// The files as a folder and as a zip, with the same result; of the folder.
std::shared_ptr<const Dataset> open_both(const TemporaryFolder& folder, const Files& files) {
  fs::remove_all(folder / "tree");
  write_tree(folder / "tree", files);
  write_zip(folder / "tree.zip", files);
  testing::internal::CaptureStderr();
  const auto from_folder = open_dataset(at_path(folder / "tree"));
  const auto log = testing::internal::GetCapturedStderr();
  testing::internal::CaptureStderr();
  const auto from_zip = open_dataset(at_path(folder / "tree.zip"));
  const auto of_zip = testing::internal::GetCapturedStderr();
  EXPECT_NE(from_folder->key(), from_zip->key());
  EXPECT_EQ(sameness(from_folder->key(), from_zip->key()), "names, sizes and a sample of their contents");
  EXPECT_EQ(log.substr(log.find(": ") + 1), of_zip.substr(of_zip.find(": ") + 1));
  expect_same(*from_folder, *from_zip);
  return from_folder;
}

TEST(Tree, ALinkToAnotherFolderIsRead) {
  TemporaryFolder folder;
  write_tree(folder.path,
             {{"a/train/1.png", gray_png(1)}, {"b/pool/1.png", gray_png(2)}, {"b/other/1.png", gray_png(3)}});
  fs::create_directory_symlink("train", folder / "a" / "test");
  EXPECT_EQ(names_of(*open_dataset(at_path(folder / "a"))), std::vector<std::string>{"train/1.png"});
  EXPECT_EQ(names_of(*open_dataset(of_split(folder / "a", "test"))), std::vector<std::string>{"test/1.png"});
  for (const char* link : {"x", "zebra", "alpha"}) fs::create_directory_symlink("pool", folder / "b" / link);
  EXPECT_EQ(classes_at(folder / "b"), (std::vector<std::string>{"alpha", "other", "pool", "x", "zebra"}));
  EXPECT_EQ(open_dataset(at_path(folder / "b"))->info().images, 5);
}

TEST(Tree, OnlyALinkToAFolderThatItIsInIsALoop) {
  TemporaryFolder folder;
  write_tree(folder.path, {{"cat/1.png", gray_png(1)}, {"dog/deep/1.png", gray_png(1)}});
  fs::create_directory_symlink(folder.path, folder / "dog" / "up");
  fs::create_directory_symlink("..", folder / "dog" / "deep" / "again");
  fs::create_directory_symlink("../cat", folder / "dog" / "cousin");
  fs::create_directory_symlink(folder.path.parent_path(), folder / "dog" / "outside");
  ASSERT_EQ(mkfifo((folder / "dog" / "pipe.png").c_str(), 0600), 0);
  fs::create_symlink("nowhere.png", folder / "cat" / "2.png");
  fs::create_symlink("3.png", folder / "cat" / "3.png");
  EXPECT_EQ(names_of(*open_dataset(at_path(folder.path))),
            (std::vector<std::string>{"cat/1.png", "dog/cousin/1.png", "dog/deep/1.png"}));
  // Those of cat stand in dog/cousin too.
  expect_names(log_of(at_path(folder.path)), {"not read: 4 broken links, 1 special file\n"});
}

// Takes root's right to read everything away, for the tests of permissions.
struct AsNobody {
  AsNobody() {
    if (getuid() == 0 && seteuid(65534) != 0) ADD_FAILURE() << "no right to become another user";
  }
  ~AsNobody() { EXPECT_EQ(seteuid(getuid()), 0); }
};

TEST(Tree, WhatCannotBeReadIsNamed) {
  TemporaryFolder folder;
  fs::permissions(folder.path, fs::perms(0755));
  const auto make = [&](const std::string& data, const std::string& denied, int mode) {
    write_tree(folder / data, {{"cat/deep/1.png", gray_png(1)}, {"dog/1.png", gray_png(2)}});
    fs::create_directories(folder / data / denied);
    fs::permissions(folder / data / denied, fs::perms(static_cast<unsigned>(mode)));
  };
  make("tools", "lost+found", 0);
  make("listed", "cat/secret", 0);
  make("entered", "cat", 0444);
  make("files", "dog", 0444);
  make("whole", "", 0);
  make("names", "", 0444);
  make("above", "", 0);
  write_zip(folder / "a.zip", {{"1.png", gray_png(1)}});
  fs::permissions(folder / "a.zip", fs::perms(0));
  {
    const AsNobody nobody;
    EXPECT_EQ(open_dataset(at_path(folder / "tools"))->info().images, 2);
    for (const auto& [data, place] : std::vector<std::pair<std::string, std::string>>{{"listed", "listed/cat/secret"},
                                                                                      {"entered", "entered/cat/deep"},
                                                                                      {"files", "files/dog/1.png"},
                                                                                      {"whole", "whole"},
                                                                                      {"names", "names"},
                                                                                      {"above/cat", "above/cat"},
                                                                                      {"a.zip", "a.zip"}}) {
      const auto error = error_of(at_path(folder / data));
      expect_names(error, {"[data] " + (folder / place).string() + ": cannot be read (Permission denied). Hint: "});
    }
  }
  for (const auto& entry : fs::directory_iterator(folder.path)) fs::permissions(entry, fs::perms(0700));
}

TEST(Tree, RunsAreLeftOut) {
  TemporaryFolder folder;
  const auto data = open_both(folder, {{"cat/1.png", gray_png(1)},
                                       {"dog/1.png", gray_png(2)},
                                       {"runs/a/recipe.toml", ""},
                                       {"runs/a/log.jsonl", ""},
                                       {"runs/a/samples/step-00000001.png", gray_png(3)},
                                       {"runs/b/recipe.toml", ""},
                                       {"runs/b/checkpoints/step-00000001.safetensors", ""},
                                       {"runs/b/samples/step-00000001.png", gray_png(3)}});
  EXPECT_EQ(data->info().class_names, (std::vector<std::string>{"cat", "dog"}));
  expect_names(log_of(at_path(folder / "tree")), {"2 folders with a run", "'runs/a', 'runs/b'"});
  const Files beside = {{"1.png", gray_png(1)},
                        {"recipe.toml", ""},
                        {"out/recipe.toml", ""},
                        {"out/log.jsonl", ""},
                        {"out/2.png", gray_png(3)}};
  EXPECT_EQ(open_both(folder, beside)->info().images, 1);
  for (const char* other : {"checkpoints/x", "log.jsonl"}) {
    const Files run = {{"recipe.toml", ""}, {other, ""}, {"samples/1.png", gray_png(1)}};
    write_tree(folder / other / "run", run);
    write_zip(folder / "run.zip", run);
    expect_names(error_of(at_path(folder / other / "run")), {"run of fqgan"});
    expect_names(error_of(at_path(folder / "run.zip")), {"run of fqgan"});
  }
}

TEST(Tree, ARecipeAloneMakesNoRun) {
  TemporaryFolder folder;
  const auto data = open_both(folder, {{"cat/1.png", gray_png(1)},
                                       {"cat/recipe.toml", ""},
                                       {"cat/checkpoints-of-others.txt", ""},
                                       {"dog/2.png", gray_png(2)},
                                       {"recipe.toml", ""}});
  EXPECT_EQ(data->info().class_names, (std::vector<std::string>{"cat", "dog"}));
  fs::create_directory(folder / "tree" / "cat" / "checkpoints");  // as a training that has just begun
  write_zip(
      folder / "tree.zip",
      {{"cat/1.png", gray_png(1)}, {"cat/recipe.toml", ""}, {"cat/checkpoints/", ""}, {"dog/2.png", gray_png(2)}});
  for (const char* path : {"tree", "tree.zip"}) EXPECT_EQ(classes_at(folder / path), std::vector<std::string>{"dog"});
}

TEST(Tree, FilesOfOtherToolsAreNoData) {
  TemporaryFolder folder;
  const auto image = gray_png(1);
  Files files = {{"cat/1.png", image}, {"dog/1.png", image}};
  for (const char* name : {"@eaDir/1.png", "cat/@eaDir/1.png/SYNOFILE_THUMB_M.png", "__MACOSX/cat/1.png", "cat/._1.png",
                           ".thumbnails/1.png", "cat/.ipynb_checkpoints/1-checkpoint.png", "$RECYCLE.BIN/1.png",
                           "lost+found/1.png", ".AppleDouble/1.png", "cat/Thumbs.db", "desktop.ini", ".git/x.png",
                           "System Volume Information/1.png", "#recycle/1.png", ".Trash-0/1.png"})
    files.push_back({name, image});
  EXPECT_EQ(names_of(*open_both(folder, files)), (std::vector<std::string>{"cat/1.png", "dog/1.png"}));
  EXPECT_EQ(log_of(at_path(folder / "tree")), "");
}

TEST(Tree, ImagesByTheirContentAndTheRestIsCounted) {
  TemporaryFolder folder;
  const auto image = gray_png(1);
  Files files = {{"a.jfif", image}, {"b", image},     {"c.dat", image},
                 {"d.bmp", image},  {"e.JPE", image}, {"f.0001", image}};
  for (int i = 0; i < 3; ++i) files.push_back({std::to_string(i) + ".bmp", "BM"});
  for (int i = 0; i < 2; ++i) files.push_back({std::to_string(i) + ".GIF", "GIF89a"});
  for (const char* name : {"x", "empty.heic", "g.png.part", "h.png~", "i.png.partial-12"}) files.push_back({name, "x"});
  for (const char* name : {"README", "LICENSE", "notes.md", "labels.csv", "a.xml", "meta.json"})
    files.push_back({name, image});
  const auto data = open_both(folder, files);
  EXPECT_EQ(names_of(*data), (std::vector<std::string>{"a.jfif", "b", "c.dat", "d.bmp", "e.JPE", "f.0001"}));
  const auto log = log_of(at_path(folder / "tree"));
  expect_names(
      log, {"not read: 3 .bmp, 2 .gif, 1 file without an ending", "1 .heic", "1 .part", "(only PNG, JPEG and WebP"});
  EXPECT_EQ(log.find(".md"), std::string::npos);
}

TEST(Tree, OnlyWhatIsNotRead) {
  TemporaryFolder folder;
  write_tree(folder.path, {{"a/1.bmp", "BM"}, {"b/2.gif", "GIF89a"}, {"notes.txt", "x"}});
  expect_names(error_of(at_path(folder.path)), {"3 files", "'a/1.bmp'", "1 .bmp, 1 .gif"});
}

TEST(Tree, PlainNames) {
  for (const auto& [name, plain] :
       std::vector<std::pair<std::string, std::string>>{{"./cat/0.png", "cat/0.png"},
                                                        {"cat//0.png", "cat/0.png"},
                                                        {"/cat/./0.png", "cat/0.png"},
                                                        {"cat\\0.png", "cat/0.png"},
                                                        {".\\cat\\0.png", "cat/0.png"},
                                                        {"data/cat\\0.png", "data/cat/0.png"},
                                                        {"a\\b/0.png", "a\\b/0.png"},
                                                        {"C:/cat/0.png", "C:/cat/0.png"},
                                                        {"..", ".."},
                                                        {"", ""},
                                                        {"/", ""}})
    EXPECT_EQ(plain_name(name), plain) << name;
}

TEST(Tree, OddNamesInZips) {
  TemporaryFolder folder;
  write_tree(folder / "tree", {{"cat/0.png", gray_png(1)}, {"dog/0.png", gray_png(2)}});
  const auto expected = open_dataset(at_path(folder / "tree"));
  const std::vector<std::pair<std::string, std::string>> spellings = {{"./cat/0.png", "./dog/0.png"},
                                                                      {"cat\\0.png", "dog\\0.png"},
                                                                      {"cat//0.png", "./dog/./0.png"},
                                                                      {"/cat/0.png", "dog\\0.png"}};
  for (const auto& [a, b] : spellings) {
    write_zip(folder / "a.zip", {{b, gray_png(2)}, {a, gray_png(1)}});
    expect_same(*expected, *open_dataset(at_path(folder / "a.zip")));
  }
  write_zip(folder / "a.zip", {{"cat/0.png", gray_png(2)}, {"./cat/0.png", gray_png(1)}});
  expect_names(error_of(at_path(folder / "a.zip")), {"'cat/0.png'", "twice"});
}

TEST(Tree, AFolderAndAZipAreTheSame) {
  TemporaryFolder folder;
  const std::vector<Files> layouts = {
      {{"10/1.png", gray_png(1)}, {"2/1.png", gray_png(2)}, {"1/1.png", gray_png(3)}},
      {{"b/x.png", gray_png(1)}, {"B/x.png", gray_png(2)}, {"b-1/x.png", gray_png(3)}, {"b 1/x.png", gray_png(4)}},
      {{"caf\xc3\xa9/x.png", gray_png(1)}, {"a:b/x.png", gray_png(2)}, {"'q\"/x.png", gray_png(3)}},
      {{"caf\xe9.png", gray_png(1)},
       {"caf\xc3\xa9.png", gray_png(2)},
       {"caf\x01.png", gray_png(3)},
       {"cafz.png", gray_png(4)},
       {"\x82.png", gray_png(5)},
       {"\xc3\xa8.png", gray_png(6)}},
      {{"we\\ird/x.png", gray_png(1)}, {"we\\ll/x.png", gray_png(2)}},
      {{"outer/inner/cat/1.png", gray_png(1)}, {"outer/inner/dog/1.png", gray_png(2)}, {"outer/notes.txt", "x"}},
      {{"Train/cat/1.png", gray_png(1)}, {"Train/dog/1.png", gray_png(2)}, {"Test/cat/1.png", gray_png(3)}},
      {{"00/a.png", gray_png(1)},
       {"01/b.png", gray_png(2)},
       {"dataset.json", R"({"labels": [["01/b.png", 0], ["00/a.png", 1]]})"}},
      {{"cat/1.png", gray_png(1)}, {"dog/1.png", gray_png(2)}, {"class_names.txt", "dog\ncat\n"}},
      {{"cat/1.png", gray_png(1)}, {"dog/1.png", gray_png(2)}, {"Unlabelled/1.png", gray_png(2)}},
  };
  for (const auto& files : layouts) open_both(folder, files);
}

TEST(Tree, CopiesAreComparedByTheirContents) {
  TemporaryFolder folder;
  const auto image = gray_png(1);
  for (const char* copy : {"a", "b"})
    for (int i = 0; i < 100; ++i) write_bytes(folder / copy / "cat" / (std::to_string(1000 + i) + ".png"), image);
  const auto key = [&](const char* copy) { return open_dataset(at_path(folder / copy))->key(); };
  const auto before = key("a");
  EXPECT_NE(key("b"), before);
  EXPECT_EQ(sameness(key("b"), before), "names, sizes and a sample of their contents");
  EXPECT_EQ(sameness(key("b"), before.substr(0, 32)), "names and sizes") << "of a run before contents were compared";
  auto other = image;
  other[other.size() - 1] ^= 1;
  write_bytes(folder / "b" / "cat" / "1000.png", other);
  EXPECT_EQ(sameness(key("b"), before), "");
}

}  // namespace
}  // namespace fqgan::test
#endif
