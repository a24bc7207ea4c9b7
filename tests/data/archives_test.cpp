// Zip and tar archives, honest and hostile, and CIFAR's binary version.
#ifdef FQGAN_DECODERS
#include "data/make_files.h"
#include "data/make_zip.h"
#include "data/open_data.h"

namespace fqgan::test {
namespace {

std::string tar_entry(const std::string& name, const std::string& bytes, char type = '0') {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  char size[13];
  std::snprintf(size, sizeof(size), "%011o", static_cast<unsigned>(bytes.size()));
  header.replace(124, 11, size);
  header[156] = type;
  header.replace(257, 5, "ustar");
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (unsigned char c : header) sum += c;
  char digits[9];
  std::snprintf(digits, sizeof(digits), "%06o", sum);
  header.replace(148, 7, std::string(digits, 7));
  return header + bytes + std::string((512 - bytes.size() % 512) % 512, '\0');
}

const std::string end_of_tar(1024, '\0');

// `count` CIFAR records whose bytes tell their number.
std::string cifar(int count, int label_bytes, int classes) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    if (label_bytes == 2) bytes.push_back(static_cast<char>(i % 20));
    bytes.push_back(static_cast<char>((i * 3) % classes));
    for (int j = 0; j < 3072; ++j) bytes.push_back(static_cast<char>(i + j / 1024 * 50));
  }
  return bytes;
}

std::string png(int brightness) { return encode_png(at::zeros({1, 3, 3}, at::kByte).fill_(brightness)); }

TEST(Zip, OfClassFolders) {
  TemporaryFolder folder;
  write_zip(folder / "a.zip", {{"shoe/1.png", png(3)},
                               {"bag/2.png", png(2)},
                               {"bag/1.png", png(1)},
                               {"__MACOSX/bag/._1.png", "junk"},
                               {"bag/.DS_Store", "junk"},
                               {"LICENSE", "text"}});
  const auto data = open_dataset(at_path(folder / "a.zip"));
  EXPECT_EQ(data->info().class_names, (std::vector<std::string>{"bag", "shoe"}));
  ASSERT_EQ(data->info().images, 3);
  uint8_t pixels[9];
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(data->read(i, pixels), i / 2);
    EXPECT_EQ(pixels[4], i + 1);
  }
}

TEST(Zip, FolderOfSplitArchives) {
  TemporaryFolder folder;
  write_zip(folder / "train.zip", {{"1.png", png(1)}, {"2.png", png(2)}});
  write_zip(folder / "test.zip", {{"1.png", png(1)}});
  auto options = at_path(folder.path);
  EXPECT_EQ(open_dataset(options)->info().images, 2);
  options.split = "test";
  EXPECT_EQ(open_dataset(options)->info().images, 1);
}

TEST(Zip, ManyImagesFromSeveralThreads) {
  TemporaryFolder folder;
  Files files;
  for (int i = 0; i < 250; ++i) files.push_back({std::to_string(1000 + i) + ".png", png(i)});
  write_zip(folder / "a.zip", files);
  const auto data = open_dataset(at_path(folder / "a.zip"));
  uint8_t pixels[9];
  for (int i = 0; i < 250; ++i) {
    data->read(i, pixels);
    EXPECT_EQ(pixels[0], i);
  }
}

TEST(Zip, HostileEntriesAreRefused) {
  TemporaryFolder folder;
  for (const char* name : {"../evil.png", "a/../../evil.png", "a\\..\\evil.png", "..\\evil.png", "a/.."}) {
    write_zip(folder / "a.zip", {{"1.png", png(1)}, {name, png(2)}});
    expect_names(error_of(at_path(folder / "a.zip")), {"..", "outside of the archive"});
  }
  write_zip(folder / "a.zip", {{"1.png", png(1)}, {"2.png", "/etc/passwd"}}, "2.png");
  expect_names(error_of(at_path(folder / "a.zip")), {"'2.png'", "link"});
  // Nothing is unpacked, so that these are only names.
  write_zip(folder / "a.zip", {{"/etc/1.png", png(1)}, {"C:/2.png", png(2)}});
  EXPECT_EQ(open_dataset(at_path(folder / "a.zip"))->info().class_names, (std::vector<std::string>{"C:", "etc"}));
}

TEST(Zip, AnEncryptedEntryIsNamedAsSuch) {
  TemporaryFolder folder;
  write_zip(folder / "a.zip", {{"1.png", png(1)}});
  zip_t* archive = zip_open((folder / "a.zip").c_str(), 0, nullptr);
  ASSERT_EQ(zip_file_set_encryption(archive, 0, ZIP_EM_TRAD_PKWARE, "secret"), 0);
  ASSERT_EQ(zip_close(archive), 0);
  expect_names(error_of(at_path(folder / "a.zip")), {"'1.png'", "encrypted"});
}

TEST(Zip, ABombIsNotUnpacked) {
  TemporaryFolder folder;
  write_zip(folder / "a.zip", {{"1.png", png(1)}, {"2.png", std::string(40'000'000, '\0')}});
  auto options = at_path(folder / "a.zip");
  options.max_pixels = 1000;
  options.strict = true;
  expect_error<UserError>([&] { open_dataset(options); }, {"'2.png'", "40000000"});
}

TEST(Zip, DamagedArchives) {
  TemporaryFolder folder;
  write_zip(folder / "a.zip", {{"1.png", png(1)}});
  std::string bytes;
  {
    std::ifstream input(folder / "a.zip", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(input), {});
  }
  write_bytes(folder / "b.zip", bytes.substr(0, bytes.size() / 2));
  expect_names(error_of(at_path(folder / "b.zip")), {"b.zip"});
  bytes[50] ^= 0x55;  // in the compressed data
  write_bytes(folder / "c.zip", bytes);
  expect_names(error_of(at_path(folder / "c.zip")), {"c.zip", "'1.png'"});
}

TEST(Archives, FolderOfSeveralKindsOfDataIsRefused) {
  TemporaryFolder folder;
  const auto fails = [&](const char* file, const std::string& bytes, const std::vector<std::string>& parts) {
    write_bytes(folder / file, bytes);
    const auto error = error_of(at_path(folder.path));
    expect_names(error, parts);
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    std::filesystem::remove(folder / file);
  };
  write_bytes(folder / "cats/1.png", gray_png(1));
  write_bytes(folder / "dogs/1.png", gray_png(2));
  EXPECT_EQ(classes_at(folder.path), (std::vector<std::string>{"cats", "dogs"}));
  fails("train-images-idx3-ubyte.gz", gzipped(idx_images(1, 2, 2)), {"IDX files and images ('cats/1.png')"});
  fails("test_batch.bin", std::string(3073, '\0'), {"CIFAR files and images ('cats/1.png')", "move the others"});
  write_zip(folder / "train.zip", {{"1.png", gray_png(1)}});
  expect_names(error_of(at_path(folder.path)), {"zip files and images ('cats/1.png')"});
  std::filesystem::remove_all(folder / "cats");
  std::filesystem::remove_all(folder / "dogs");
  EXPECT_EQ(open_dataset(at_path(folder.path))->info().images, 1);
  fails("test_batch.bin", std::string(3073, '\0'), {"CIFAR files and zip files"});
}

TEST(Cifar, TenAsPublished) {
  TemporaryFolder folder;
  std::string tar = tar_entry("cifar-10-batches-bin/", "", '5');
  tar += tar_entry("cifar-10-batches-bin/data_batch_2.bin", cifar(2, 1, 10));
  tar += tar_entry("cifar-10-batches-bin/data_batch_1.bin", cifar(3, 1, 10));
  for (const char* number : {"3", "4", "5"})
    tar += tar_entry("cifar-10-batches-bin/data_batch_" + std::string(number) + ".bin", cifar(1, 1, 10));
  tar += tar_entry("cifar-10-batches-bin/readme.html", "text");
  tar += tar_entry("cifar-10-batches-bin/test_batch.bin", cifar(1, 1, 10));
  tar += tar_entry("cifar-10-batches-bin/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n") + end_of_tar;
  for (const bool compressed : {true, false}) {
    const auto path = folder / (compressed ? "cifar-10-binary.tar.gz" : "it.tar");
    write_bytes(path, compressed ? gzipped(tar) : tar);
    auto options = at_path(path);
    const auto data = open_dataset(options);
    ASSERT_EQ(data->info().images, 8);
    EXPECT_EQ(data->info().channels, 3);
    EXPECT_EQ(data->info().height, 32);
    EXPECT_EQ(data->info().class_names[9], "j");
    EXPECT_EQ(data->name(3), "data_batch_2.bin #0");
    std::vector<uint8_t> pixels(3072);
    EXPECT_EQ(data->read(2, pixels.data()), 6);
    for (int i = 0; i < 3072; ++i) ASSERT_EQ(pixels[i], 2 + i % 3 * 50) << i;  // the file is planar, we are not
    options.split = "test";
    EXPECT_EQ(open_dataset(options)->info().images, 1);
  }
}

TEST(Cifar, HundredTakesTheFineLabels) {
  TemporaryFolder folder;
  std::string names;
  for (int i = 0; i < 100; ++i) names += "class" + std::to_string(i) + "\n";
  write_bytes(folder / "train.bin", cifar(40, 2, 100));
  write_bytes(folder / "test.bin", cifar(2, 2, 100));
  write_bytes(folder / "fine_label_names.txt", names);
  const auto data = open_dataset(at_path(folder.path));
  EXPECT_EQ(data->info().images, 40);
  EXPECT_EQ(data->info().class_names[33], "class33");
  std::vector<uint8_t> pixels(3072);
  EXPECT_EQ(data->read(33, pixels.data()), 99);
}

// The message for a tar with this content.
std::string error_of_tar(const std::string& content) {
  TemporaryFolder folder;
  write_bytes(folder / "a.tar", content);
  const auto error = error_of(at_path(folder / "a.tar"));
  expect_names(error, {"a.tar"});
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  return error;
}

// The training batches from number `first` on, with `count` records each.
std::string batches(int first, int count = 1) {
  std::string tar;
  for (int i = first; i <= 5; ++i) tar += tar_entry("c/data_batch_" + std::to_string(i) + ".bin", cifar(count, 1, 10));
  return tar;
}

TEST(Cifar, DamageIsNamed) {
  const auto first = [](const std::string& records) {
    return error_of_tar(tar_entry("data_batch_1.bin", records) + batches(2) + end_of_tar);
  };
  const auto tar = tar_entry("data_batch_1.bin", cifar(3, 1, 10));
  expect_names(error_of_tar(tar.substr(0, 5000)), {"'data_batch_1.bin'", "9219"});
  expect_names(first(cifar(3, 1, 10).substr(1)), {"3073", "9218"});
  expect_names(first(cifar(5, 1, 100)), {"data_batch_1.bin #4", "10", "12"});
  expect_names(first(""), {"data_batch_1.bin", "found 0 bytes"});
  expect_names(error_of_tar(tar_entry("cats.txt", "meow") + end_of_tar), {"CIFAR", "data_batch_1.bin"});
  expect_names(error_of_tar(tar_entry("data_batch_1.bin", "", '2') + tar), {"'data_batch_1.bin'", "link"});
  auto broken = tar;
  broken[125] = '7';  // the size, against the header's checksum
  expect_names(error_of_tar(broken), {"header"});
}

TEST(Cifar, ATruncatedArchiveIsAnError) {
  TemporaryFolder folder;
  const auto tar = batches(1);
  expect_names(error_of_tar(tar), {"truncated"});  // at the end of an entry
  expect_names(error_of_tar(tar + tar_entry("readme.html", std::string(2000, 'x')).substr(0, 1024)), {"truncated"});
  const auto whole = gzipped(tar + end_of_tar);
  for (const auto size : {whole.size() - 12, size_t{100}}) {
    write_bytes(folder / "a.tar.gz", whole.substr(0, size));
    expect_names(error_of(at_path(folder / "a.tar.gz")), {"a.tar.gz", "damaged or truncated"});
  }
  auto damaged = whole;
  damaged[20] ^= 0x55;
  write_bytes(folder / "a.tar.gz", damaged);
  expect_names(error_of(at_path(folder / "a.tar.gz")), {"a.tar.gz", "damaged or truncated"});
}

TEST(Cifar, EntriesTwiceOrOutsideAreRefused) {
  const auto more = tar_entry("old/data_batch_1.bin", cifar(1, 1, 10));
  expect_names(error_of_tar(batches(1) + more + end_of_tar), {"'data_batch_1.bin' occurs twice"});
  const auto outside = tar_entry("../data_batch_1.bin", cifar(1, 1, 10));
  expect_names(error_of_tar(outside + batches(2) + end_of_tar), {"'../data_batch_1.bin'", "outside of the archive"});
}

TEST(Cifar, AMissingBatchIsAnError) {
  TemporaryFolder folder;
  for (const char* number : {"1", "2", "4"})
    write_bytes(folder / ("data_batch_" + std::string(number) + ".bin"), cifar(2, 1, 10));
  expect_names(error_of(at_path(folder.path)), {"found no 'data_batch_3.bin', 'data_batch_5.bin'. Hint"});
  write_bytes(folder / "test_batch.bin", cifar(1, 1, 10));
  EXPECT_EQ(open_dataset(of_split(folder.path, "test"))->info().images, 1);
  expect_names(error_of_tar(batches(2) + end_of_tar), {"found no 'data_batch_1.bin'. Hint"});
  for (const char* number : {"3", "5"})
    write_bytes(folder / ("data_batch_" + std::string(number) + ".bin"), cifar(2, 1, 10));
  write_bytes(folder / "data_batch_5 (copy).bin", cifar(2, 1, 10));
  EXPECT_EQ(open_dataset(at_path(folder.path))->info().images, 10);
}

}  // namespace
}  // namespace fqgan::test
#endif
