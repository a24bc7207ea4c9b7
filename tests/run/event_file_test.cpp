// The event file is decoded here by a reader of its own: framing, checksums, and the messages inside.
#include "fqgan/run/event_file.h"

#include <cstring>
#include <map>
#include <vector>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/run/crc32c.h"
#include "support/support.h"

namespace fqgan {
namespace {

using test::TemporaryFolder;

template <class T>
T number_at(const std::string& bytes, size_t at) {
  T value{};
  EXPECT_LE(at + sizeof value, bytes.size());
  if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::vector<std::string> records_of(const std::string& file) {
  std::vector<std::string> records;
  for (size_t at = 0; at < file.size();) {
    const auto length = number_at<uint64_t>(file, at);
    EXPECT_EQ(number_at<uint32_t>(file, at + 8), masked_crc32c(file.substr(at, 8)));
    records.push_back(file.substr(at + 12, length));
    EXPECT_EQ(records.back().size(), length);
    EXPECT_EQ(number_at<uint32_t>(file, at + 12 + length), masked_crc32c(records.back()));
    at += 16 + length;
  }
  return records;
}

uint64_t take_varint(const std::string& bytes, size_t& at) {
  uint64_t value = 0;
  for (int shift = 0; at < bytes.size(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[at++]);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  ADD_FAILURE() << "a number without an end";
  return 0;
}

/// Fields of a message by number: the raw bytes of lengths and fixed fields, the decimal text of varints.
std::map<int, std::string> fields_of(const std::string& bytes) {
  std::map<int, std::string> fields;
  for (size_t at = 0; at < bytes.size();) {
    const uint64_t key = take_varint(bytes, at);
    std::string& field = fields[static_cast<int>(key >> 3)];
    if (key % 8 == 0) {
      field = std::to_string(static_cast<int64_t>(take_varint(bytes, at)));
      continue;
    }
    const size_t length = key % 8 == 1 ? 8 : key % 8 == 5 ? 4 : take_varint(bytes, at);
    field = bytes.substr(at, length);
    EXPECT_EQ(field.size(), length);
    at += length;
  }
  return fields;
}

TEST(Crc32c, MatchesThePublishedVectors) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);    // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);  // RFC 3720, B.4
  EXPECT_EQ(masked_crc32c("123456789"), 0xc78ab0e5u);
}

TEST(ProtoMessage, EncodesAsTheSpecificationShows) {
  EXPECT_EQ(ProtoMessage().integer(1, 150).encoded(), "\x08\x96\x01");
  EXPECT_EQ(ProtoMessage().bytes(2, "testing").encoded(), "\x12\x07testing");
  EXPECT_EQ(ProtoMessage().integer(1, -1).encoded(), "\x08" + std::string(9, '\xff') + "\x01");
  EXPECT_EQ(ProtoMessage().float32(20, 1.f).encoded(), std::string("\xa5\x01\x00\x00\x80\x3f", 6));
}

TEST(EventFile, HoldsVersionScalarAndImage) {
  TemporaryFolder folder;
  const std::string png = "\x89PNG" + std::string(300, 'p');
  EventFile file(folder / "events");
  file.scalar("loss/d", -0.75, 1000);
  file.image("samples", png, 64, 32, 1001);
  const std::string bytes = read_file(folder / "events");
  EXPECT_EQ(file.flush(), static_cast<int64_t>(bytes.size()));
  const std::vector<std::string> records = records_of(bytes);
  ASSERT_EQ(records.size(), 3u);

  auto version = fields_of(records[0]);
  EXPECT_EQ(version[3], "brain.Event:2");
  EXPECT_GT(number_at<double>(version[1], 0), 1.6e9) << "seconds since 1970";

  auto scalar = fields_of(records[1]);
  EXPECT_EQ(scalar[2], "1000");
  auto value = fields_of(fields_of(scalar[5])[1]);
  EXPECT_EQ(value[1], "loss/d");
  EXPECT_EQ(number_at<float>(value[2], 0), -0.75f);

  auto image = fields_of(records[2]);
  EXPECT_EQ(image[2], "1001");
  value = fields_of(fields_of(image[5])[1]);
  EXPECT_EQ(value[1], "samples");
  auto pixels = fields_of(value[4]);
  EXPECT_EQ(pixels[1], "64");
  EXPECT_EQ(pixels[2], "32");
  EXPECT_EQ(pixels[3], "3");
  EXPECT_EQ(pixels[4], png);
}

TEST(EventFile, WritesTheVersionOnce) {
  TemporaryFolder folder;
  EventFile(folder / "events").scalar("a", 1, 1);
  EventFile(folder / "events").scalar("a", 2, 2);
  EXPECT_EQ(records_of(read_file(folder / "events")).size(), 3u);
  std::filesystem::resize_file(folder / "events", 0);
  EventFile(folder / "events").scalar("a", 3, 3);
  const std::vector<std::string> records = records_of(read_file(folder / "events"));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(fields_of(records[0])[3], "brain.Event:2") << "a file that was cut to nothing begins anew";
}

TEST(EventFile, SaysWhichFileCannotBeOpened) {
  TemporaryFolder folder;
  test::expect_error<UserError>([&] { EventFile file(folder.path); }, {folder.path.string()});
}

}  // namespace
}  // namespace fqgan
