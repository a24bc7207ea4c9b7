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

std::string load_error(const std::string& path, bool require_ours = true) {
  const std::string message = message_of<UserError>([&] { load_checkpoint(path, require_ours); });
  EXPECT_CONTAINS(message, "[" + path + "] ");
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
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
  EXPECT_CONTAINS(load_error(path), "damaged: the checksum of the header differs. Hint: ");
}

TEST_F(Damaged, DataDamageIsNamed) {
  bytes.back() ^= 1;
  test::write_bytes(path, bytes);
  EXPECT_CONTAINS(load_error(path), "damaged: the checksum of the data differs. Hint: ");
  EXPECT_EQ(read_checkpoint_header(path).tensors.size(), 10u) << "the header alone is whole";
}

TEST_F(Damaged, TruncationIsFound) {
  const std::string whole = std::to_string(bytes.size());
  for (size_t length = 0; length < bytes.size(); length += 5) {
    test::write_bytes(path, bytes.substr(0, length));
    const std::string message = load_error(path);
    const std::string found = " bytes, found " + std::to_string(length) + ". Hint: ";
    if (length >= data_begin) {
      EXPECT_CONTAINS(message, "truncated: expected " + whole + found);
    }
    if (length >= 10 && length < data_begin) {
      EXPECT_CONTAINS(message, "truncated: expected at least " + std::to_string(data_begin) + found);
    }
  }
}

TEST_F(Damaged, BytesBehindTheEndAreFound) {
  test::write_bytes(path, bytes + "x");
  EXPECT_CONTAINS(load_error(path), "damaged: expected " + std::to_string(bytes.size()) + " bytes, found ");
}

TEST_F(Damaged, NewerVersionIsRefused) {
  const std::string ours = "\"format_version\":\"1\"";
  bytes.replace(bytes.find(ours), ours.size(), "\"format_version\":\"2\"");
  test::write_bytes(path, bytes);
  EXPECT_CONTAINS(load_error(path), "expected format_version 1, got the newer 2. Hint: ");
}

TEST(ForeignFile, OtherFilesAreNoSafetensors) {
  TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  test::write_bytes(path, "\x89PNG\r\n\x1a\n and so on, and so on");
  EXPECT_CONTAINS(load_error(path), "not a safetensors file");
  test::write_bytes(path, std::string(100, '{'));
  EXPECT_CONTAINS(load_error(path), "not a safetensors file");
  test::write_bytes(path, "");
  EXPECT_CONTAINS(load_error(path), "empty");
  EXPECT_CONTAINS(load_error(folder / "none.safetensors"), "no such file");
  EXPECT_CONTAINS(load_error(folder.path), "found a folder");
}

TEST(ForeignFile, StructureIsChecked) {
  const std::map<std::string, std::string> cases = {
      {R"([])", "not a safetensors file"},
      {R"({"a":1})", "lacks dtype"},
      {R"({"a":{"shape":[2],"data_offsets":[0,8]}})", "lacks dtype"},
      {R"({"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", "got 'F8_E4M3' for tensor 'a'"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", "expected 12 bytes, found 8"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", "expected 8 bytes, found -8"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "size or offset -2"},
      {R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", "size or offset 2.0"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", "size or offset 1844"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})", "impossible shape"},
      {R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})", "impossible shape"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "expected at byte 0, found at 4"},
      {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       "expected at byte 5, found at 4"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", "truncated: expected "},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "damaged: expected "},
      {R"({"__metadata__":{"a":1},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "'a' is not a string"},
      {R"({"__metadata__":[],"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "not a table of strings"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})", "not JSON"},
  };
  TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  for (const auto& [header, expected] : cases) {
    const uint64_t length = header.size();
    test::write_bytes(path, std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(8, '\0'));
    EXPECT_CONTAINS(load_error(path, false), expected);
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

  EXPECT_CONTAINS(message, path);
  EXPECT_EQ(test::bytes_of(path), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path), {}), 1) << "no partial file stays";
}

}  // namespace
}  // namespace fqgan
