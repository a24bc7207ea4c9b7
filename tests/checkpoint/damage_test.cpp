// Whatever happens to a file, loading it says so in one line that names it.
#include <sys/resource.h>

#include <csignal>
#include <cstring>

#include "checkpoint/example.h"
#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan {
namespace {

using test::message_of;
using test::TemporaryFolder;

template <class E>
void expect_load_error(const std::string& path, std::vector<std::string> names, bool require_ours = true) {
  const std::string message = message_of<E>([&] { load_checkpoint(path, require_ours); });
  names.push_back("[" + path + "] ");
  test::expect_names(message, names);
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

struct Damaged : testing::Test {
  void SetUp() override {
    save_checkpoint(path, test::example());
    bytes = test::bytes_of(path);
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    data_begin = 8 + length;
  }
  TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  std::string bytes;
  size_t data_begin = 0;
};

TEST_F(Damaged, FlippedBitsAreFound) {
  for (size_t at = 0; at < bytes.size(); at += 5) {  // more than 200 places
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 1 << at / 5 % 8);
    test::write_bytes(path, flipped);
    EXPECT_THROW(load_checkpoint(path), UserError) << "byte " << at;
    EXPECT_THROW(load_checkpoint(path, false), UserError) << "byte " << at;
    if (at < data_begin) {
      EXPECT_THROW(read_checkpoint_header(path), UserError) << "byte " << at;
    }
  }
}

TEST_F(Damaged, SpacesOfTheHeaderAreCoveredToo) {
  const size_t last = data_begin - 1;
  ASSERT_EQ(bytes[last], ' ') << "the example should end in padding";
  bytes[last] = '\n';
  test::write_bytes(path, bytes);
  expect_load_error<DamagedFile>(path, {"checksum", "header"});
}

TEST_F(Damaged, DataDamageIsNamed) {
  bytes.back() ^= 1;
  test::write_bytes(path, bytes);
  expect_load_error<DamagedFile>(path, {"checksum", "data"});
  EXPECT_EQ(read_checkpoint_header(path).tensors.size(), 10u) << "the header alone is whole";
}

TEST_F(Damaged, TruncationIsFound) {
  const std::string whole = std::to_string(bytes.size());
  for (size_t length = 0; length < bytes.size(); length += 5) {
    test::write_bytes(path, bytes.substr(0, length));
    const std::string found = std::to_string(length);
    if (length >= data_begin) {
      expect_load_error<DamagedFile>(path, {whole, found});
    } else if (length >= 10) {
      expect_load_error<DamagedFile>(path, {std::to_string(data_begin), found});
    } else {
      expect_load_error<DamagedFile>(path, {});
    }
  }
}

TEST_F(Damaged, BytesBehindTheEndAreFound) {
  test::write_bytes(path, bytes + "x");
  expect_load_error<DamagedFile>(path, {std::to_string(bytes.size()), std::to_string(bytes.size() + 1)});
}

TEST_F(Damaged, NewerVersionIsRefused) {
  const std::string ours = "\"format_version\":\"1\"";
  bytes.replace(bytes.find(ours), ours.size(), "\"format_version\":\"2\"");
  test::write_bytes(path, bytes);
  expect_load_error<UserError>(path, {"format_version", "1", "2"});
}

TEST(ForeignFile, OtherFilesAreNoSafetensors) {
  TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  test::write_bytes(path, "\x89PNG\r\n\x1a\n and so on, and so on");
  expect_load_error<DamagedFile>(path, {"safetensors"});
  test::write_bytes(path, std::string(100, '{'));
  expect_load_error<DamagedFile>(path, {"safetensors"});
  test::write_bytes(path, "");
  expect_load_error<DamagedFile>(path, {"empty"});
  expect_load_error<UserError>(folder / "none.safetensors", {});
  expect_load_error<UserError>(folder.path, {"folder"});
}

TEST(ForeignFile, StructureIsChecked) {
  const std::map<std::string, std::vector<std::string>> cases = {
      {R"([])", {"safetensors"}},
      {R"({"a":1})", {"'a'", "dtype"}},
      {R"({"a":{"shape":[2],"data_offsets":[0,8]}})", {"'a'", "dtype"}},
      {R"({"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", {"'F8_E4M3'", "'a'"}},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", {"'a'", "12", "8"}},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", {"'a'", "8", "-8"}},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", {"'a'", "-2"}},
      {R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", {"'a'", "2.0"}},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", {"'a'", "18446744073709551615"}},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})", {"'a'", "shape"}},
      {R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})", {"'a'", "shape"}},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", {"'a'", "0", "4"}},
      {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       {"'b'", "5", "4"}},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", {"truncated"}},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", {"damaged"}},
      {R"({"__metadata__":{"a":1},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", {"metadata", "'a'"}},
      {R"({"__metadata__":[],"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", {"metadata"}},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})", {"JSON"}},
  };
  TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  for (const auto& [header, names] : cases) {
    const uint64_t length = header.size();
    test::write_bytes(path, std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(8, '\0'));
    expect_load_error<UserError>(path, names, false);
  }
}

TEST(FullDisk, KeepsTheOldFile) {
  TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  save_checkpoint(path, test::example());
  const std::string before = test::bytes_of(path);
  const Checkpoint large{{{"large", at::zeros({100000}, at::kFloat)}}, {}};

  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // so that write() fails instead of killing the process
  const rlimit small{100000, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = message_of<SystemError>([&] { save_checkpoint(path, large); });
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);

  test::expect_names(message, {path});
  EXPECT_EQ(test::bytes_of(path), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path), {}), 1) << "no partial file stays";
}

}  // namespace
}  // namespace fqgan
