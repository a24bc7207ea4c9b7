#include "fqgan/inference/output.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/inference/output_files.h"
#include "support/support.h"

#ifdef FQGAN_DECODERS
#include <zip.h>
#endif

namespace fqgan {
namespace {

namespace fs = std::filesystem;
using Files = std::vector<std::string>;

const std::vector<std::string> class_names = {"Pullover", "T-shirt/top"};

// Images first .. first + count - 1 of an endless row of different ones, 3 x 4 x 5; labels 0 1 0 1 ...
SampledImages some_images(int64_t first, int64_t count, bool labels) {
  const auto number = at::arange(first, first + count);
  const auto values = number.view({count, 1, 1, 1}) * 60 + at::arange(60).view({1, 3, 4, 5});
  return {at::sin(values.to(at::kFloat)), labels ? number.remainder(2) : at::Tensor()};
}

// Five images in two batches.
void write(ImageOutput& output, bool labels) {
  output.add(some_images(0, 3, labels));
  output.add(some_images(3, 2, labels));
  output.finish();
}

void write(const fs::path& target, bool labels, OutputOptions options = {}) {
  write(*open_output(target.string(), std::move(options)), labels);
}

std::string png_of(int64_t image) { return encode_png(to_pixels(some_images(image, 1, false).pixels)[0]); }

// Names of all files below a folder but the marker, sorted, with '/'.
Files files_below(const fs::path& folder) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path() != folder / sample_marker)
      files.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string error_of(const fs::path& target) {
  return test::message_of<UserError>([&] { open_output(target.string(), {}); });
}

TEST(FolderOutput, HoldsAPngAnImage) {
  const test::TemporaryFolder folder;
  write(folder / "new/images", false);
  EXPECT_EQ(files_below(folder / "new/images"),
            (Files{"00000.png", "00001.png", "00002.png", "00003.png", "00004.png"}));
  for (int64_t i : {0, 2, 3, 4}) {
    EXPECT_EQ(read_file(folder / ("new/images/0000" + std::to_string(i) + ".png")), png_of(i)) << i;
  }
}

TEST(FolderOutput, HoldsAFolderAClass) {
  const test::TemporaryFolder folder;
  write(folder.path, true, {.class_names = class_names});
  EXPECT_EQ(files_below(folder.path), (Files{"Pullover/00000.png", "Pullover/00002.png", "Pullover/00004.png",
                                             "T-shirt_top/00001.png", "T-shirt_top/00003.png"}));
  EXPECT_EQ(read_file(folder / "T-shirt_top/00003.png"), png_of(3));
}

TEST(FolderOutput, IsFlatWithoutLabelsOrNames) {
  const test::TemporaryFolder folder;
  write(folder / "no labels", false, {.class_names = class_names});
  write(folder / "no names", true);
  EXPECT_EQ(files_below(folder / "no labels").back(), "00004.png");
  EXPECT_EQ(files_below(folder / "no names").back(), "00004.png");
}

TEST(FolderOutput, RefusesAFolderThatIsNotEmpty) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "mine.txt", "precious");
  const std::string error = error_of(folder.path);
  test::expect_names(error, {folder.path.string()});
  EXPECT_EQ(files_below(folder.path), Files{"mine.txt"});
}

TEST(FolderOutput, ReplacesOnlyImagesOfAnEarlierCall) {
  const test::TemporaryFolder folder;
  const OutputOptions replacing{.class_names = class_names, .replace = true};
  write(folder.path, true, {.class_names = {"old", "T-shirt/top"}});
  write(folder.path, false, replacing);
  EXPECT_EQ(files_below(folder.path), (Files{"00000.png", "00001.png", "00002.png", "00003.png", "00004.png"}));
  EXPECT_FALSE(fs::exists(folder / "old"));
  for (const std::string mine : {"photo.png", "123.png", "00007.jpg"}) {
    write_file_atomically(folder / mine, "precious");
    const auto error = test::message_of<UserError>([&] { open_output(folder.path.string(), replacing); });
    test::expect_names(error, {folder.path.string(), "'" + mine + "'", "--force"});
    EXPECT_EQ(files_below(folder.path).size(), 6u) << "nothing was removed";
    fs::remove(folder / mine);
  }
}

TEST(FolderOutput, ReplacesOnlyAFolderWithItsMarker) {
  const test::TemporaryFolder folder;
  const OutputOptions replacing{.class_names = class_names, .replace = true};
  fs::create_directory(folder / "00000");
  write_file_atomically(folder / "00000/00001.png", "an image of another data set");
  write_file_atomically(folder / "00000/00002.png.partial-999999999", "left behind");
  const auto refused = [&] {
    const auto error = test::message_of<UserError>([&] { open_output(folder.path.string(), replacing); });
    test::expect_names(error, {folder.path.string(), sample_marker, "by hand"});
    EXPECT_EQ(files_below(folder.path), (Files{"00000/00001.png", "00000/00002.png.partial-999999999"}));
  };
  refused();
  fs::create_directory(folder / sample_marker);
  refused();
  fs::remove(folder / sample_marker);
  write_file_atomically(folder / sample_marker, "");
  EXPECT_FALSE(error_of(folder.path).empty());
  EXPECT_EQ(files_below(folder.path).size(), 2u) << "nothing is removed without --force";
  write(folder.path, true, replacing);  // also what a killed call left behind
  EXPECT_EQ(files_below(folder.path).size(), 5u);
  EXPECT_FALSE(fs::exists(folder / "00000"));
}

TEST(FolderOutput, RefusesAFileInTheWay) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "file", "precious");
  test::expect_names(error_of(folder / "file"), {"[" + (folder / "file").string() + "]"});
  test::expect_names(error_of(folder / "file/grid.png"), {(folder / "file/grid.png").string() + "]"});
  EXPECT_EQ(read_file(folder / "file"), "precious");
}

TEST(ClassFolders, AreSafeAndKeptApart) {
  EXPECT_EQ(class_folders({"T-shirt/top", ".hidden", "..", "", "a:b\\c\n", "caf\xc3\xa9", "Ankle boot"}),
            (Files{"T-shirt_top", "_hidden", "_.", "_", "a_b_c_", "caf\xc3\xa9", "Ankle boot"}));
  EXPECT_EQ(class_folders({"a/b", "a_b", "a_b_2", "a:b"}), (Files{"a_b", "a_b_2", "a_b_2_2", "a_b_3"}));
}

TEST(TensorOutput, KeepsTheNumbers) {
  const test::TemporaryFolder folder;
  write(folder / "X.safetensors", true);
  const auto file = load_checkpoint(folder / "X.safetensors", false);
  const auto expected = some_images(0, 5, true);
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_TRUE(at::equal(file.tensors.at("images"), expected.pixels));
  EXPECT_EQ(file.tensors.at("labels").scalar_type(), at::kLong);
  EXPECT_TRUE(at::equal(file.tensors.at("labels"), expected.labels));
}

TEST(TensorOutput, HasNoLabelsWithoutClasses) {
  const test::TemporaryFolder folder;
  const auto output = open_output(folder / "X.safetensors", {});
  output->add({some_images(0, 2, false).pixels.to(at::kDouble), {}});
  output->finish();
  const auto file = load_checkpoint(folder / "X.safetensors", false);
  ASSERT_EQ(file.tensors.size(), 1u);
  EXPECT_EQ(file.tensors.at("images").scalar_type(), at::kFloat);
}

TEST(GridOutput, HasALimit) {
  const test::TemporaryFolder folder;
  const auto output = open_output(folder / "grid.png", {});
  output->add({at::zeros({10'000, 1, 1, 1}), {}});
  const auto error = test::message_of<UserError>([&] { output->add({at::zeros({1, 1, 1, 1}), {}}); });
  test::expect_names(error, {"grid.png]", "10000"});
}

TEST(Output, LeavesWhatWasThereUntilItIsFinished) {
  const test::TemporaryFolder folder;
  for (const std::string name : {"X.png", "X.safetensors", "X.zip"}) {
    write_file_atomically(folder / name, "precious");
    auto output = open_output(folder / name, {});
    output->add(some_images(0, 2, false));
    EXPECT_EQ(read_file(folder / name), "precious") << name;
    output.reset();
    EXPECT_EQ(read_file(folder / name), "precious") << name;
    write(folder / name, false);
    EXPECT_NE(read_file(folder / name), "precious") << name;
    EXPECT_EQ(files_below(folder.path), Files{name}) << "something is left over";
    fs::remove(folder / name);
  }
}

TEST(Output, RefusesTargetsThatAreMistakes) {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "X.png");
  test::expect_names(error_of(folder / "X.png"), {"X.png]"});
  test::expect_names(error_of(folder / "X.JPG"), {"X.JPG]", "'.jpg'"});
  test::expect_names(error_of(""), {"[output]"});
}

TEST(Output, ChecksWhatItIsGiven) {
  const test::TemporaryFolder folder;
  const auto output = open_output(folder / "X.safetensors", {});
  test::expect_error<UserError>([&] { output->finish(); }, {"X.safetensors]"});
  output->add(some_images(0, 2, true));
  test::expect_error<UserError>(
      [&] {
        output->add({at::zeros({1, 3, 4, 4}), at::zeros({1})});
      },
      {"[any, 3, 4, 5]", "[1, 3, 4, 4]"});
  EXPECT_THROW(output->add(some_images(0, 2, false)), InternalError);
  output->finish();
  EXPECT_THROW(output->finish(), InternalError);
  EXPECT_THROW(output->add(some_images(0, 2, true)), InternalError);
}

#ifdef FQGAN_DECODERS

at::Tensor decoded(const fs::path& path) { return decode_image(read_file(path), path.string()); }

TEST(GridOutput, IsTheGridOfAllImages) {
  const test::TemporaryFolder folder;
  OutputOptions options;
  options.grid.columns = 2;
  options.grid.row_labels = {"one", "two", "three"};
  write(folder / "deep/er/Grid.PNG", true, options);
  const auto expected = make_grid(to_pixels(some_images(0, 5, false).pixels), options.grid);
  EXPECT_TRUE(at::equal(decoded(folder / "deep/er/Grid.PNG"), expected));
}

TEST(FolderOutput, HoldsImagesThatDecode) {
  const test::TemporaryFolder folder;
  write(folder.path, false);
  EXPECT_TRUE(at::equal(decoded(folder / "00004.png"), to_pixels(some_images(4, 1, false).pixels)[0]));
}

struct ZipEntry {
  std::string name, bytes;
  bool stored;
};

std::vector<ZipEntry> read_zip(const fs::path& path) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (!archive) {
    ADD_FAILURE() << "zip_open: " << code;
    return {};
  }
  std::vector<ZipEntry> entries;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    zip_stat_t status;
    zip_stat_index(archive, static_cast<zip_uint64_t>(i), 0, &status);
    ZipEntry entry{status.name, std::string(status.size, '\0'), status.comp_method == ZIP_CM_STORE};
    zip_file_t* file = zip_fopen_index(archive, static_cast<zip_uint64_t>(i), 0);
    EXPECT_EQ(zip_fread(file, entry.bytes.data(), status.size), static_cast<zip_int64_t>(status.size));
    EXPECT_EQ(zip_fclose(file), 0);  // the checksum
    entries.push_back(entry);
  }
  zip_discard(archive);
  return entries;
}

TEST(ZipOutput, HoldsAPngAnImageInOrder) {
  const test::TemporaryFolder folder;
  write(folder / "X.zip", true, {.class_names = class_names});
  const auto entries = read_zip(folder / "X.zip");
  ASSERT_EQ(entries.size(), 5u);
  for (int64_t i = 0; i < 5; ++i) {
    const auto& entry = entries[static_cast<size_t>(i)];
    EXPECT_EQ(entry.name, (i % 2 ? "T-shirt_top/0000" : "Pullover/0000") + std::to_string(i) + ".png");
    EXPECT_TRUE(entry.stored);
    EXPECT_EQ(entry.bytes, png_of(i));
  }
}

TEST(ZipOutput, DoesNotDependOnTheTime) {
  const test::TemporaryFolder folder;
  write(folder / "X.zip", false);
  const std::string bytes = read_file(folder / "X.zip");
  EXPECT_EQ(bytes.substr(10, 4), std::string("\0\0\x21\0", 4));  // of the first entry: 1980-01-01 00:00
  EXPECT_EQ(read_zip(folder / "X.zip").front().name, "00000.png");
}

TEST(ZipOutput, SaysWhenItCannotBeWritten) {
  const test::TemporaryFolder folder;
  const auto output = open_output(folder / "deep/X.zip", {});
  output->add(some_images(0, 2, false));
  fs::remove_all(folder / "deep");
  test::expect_error<SystemError>([&] { output->finish(); }, {"X.zip]"});
}

#endif

}  // namespace
}  // namespace fqgan
