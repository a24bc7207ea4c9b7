// Reading the line logs, also while they are being written.
#include "fqgan/run/log_reader.h"

#include <cmath>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan {
namespace {

using test::message_of;
using test::TemporaryFolder;

TEST(LogReader, FlattensEveryKindOfValue) {
  TemporaryFolder folder;
  write_file_atomically(folder / "log.jsonl",
                        "{\"step\":7,\"loss\":{\"d\":-0.5,\"g\":null},\"taps\":{\"block2\":{\"dead\":3}},"
                        "\"sizes\":[4,8],\"done\":true,\"family\":\"biggan\",\"data\":{\"name\":\"Grüße\"}}\n");
  const std::vector<LogRecord> records = read_log(folder / "log.jsonl");
  ASSERT_EQ(records.size(), 1u);
  const auto& numbers = records[0].numbers;
  EXPECT_EQ(numbers.at("step"), 7);
  EXPECT_EQ(numbers.at("loss.d"), -0.5);
  EXPECT_TRUE(std::isnan(numbers.at("loss.g")));
  EXPECT_EQ(numbers.at("taps.block2.dead"), 3);
  EXPECT_EQ(numbers.at("sizes.1"), 8);
  EXPECT_EQ(numbers.at("done"), 1);
  EXPECT_EQ(numbers.size(), 7u);
  EXPECT_EQ(records[0].strings, (std::map<std::string, std::string>{{"family", "biggan"}, {"data.name", "Grüße"}}));
}

TEST(LogReader, LeavesOutATornLastLine) {
  TemporaryFolder folder;
  const std::string two = "{\"step\":1}\n{\"step\":2}\n";
  for (const std::string torn : {"", "{", "{\"step\":3", "{\"step\":"}) {
    write_file_atomically(folder / "log.jsonl", two + torn);
    const std::vector<LogRecord> records = read_log(folder / "log.jsonl");
    ASSERT_EQ(records.size(), 2u) << torn;
    EXPECT_EQ(records[1].numbers.at("step"), 2);
  }
  EXPECT_TRUE(read_log(folder / "none.jsonl").empty());
}

TEST(LogReader, NamesTheLineThatIsDamaged) {
  TemporaryFolder folder;
  for (const std::string line : {"{\"step\":", "[1]", "", "7"}) {
    write_file_atomically(folder / "log.jsonl", "{\"step\":1}\n" + line + "\n{\"step\":3}\n");
    const std::string message = message_of<UserError>([&] { read_log(folder / "log.jsonl"); });
    test::expect_names(message, {"[" + (folder / "log.jsonl").string() + "] ", "line 2", "'" + line});
  }
}

TEST(LogReader, RefusesALineThatIsNestedTooDeeply) {
  TemporaryFolder folder;
  const auto nested = [](size_t depth) {
    std::string line = "1";
    for (size_t i = 0; i < depth; ++i) line = "{\"a\":" + line + "}";
    return line + "\n";
  };
  write_file_atomically(folder / "log.jsonl", nested(100));
  EXPECT_EQ(read_log(folder / "log.jsonl")[0].numbers.size(), 1u);
  std::string lists = "{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}\n";
  for (const auto& line : {nested(101), lists}) {
    write_file_atomically(folder / "log.jsonl", "{}\n" + line);
    test::expect_error<UserError>([&] { read_log(folder / "log.jsonl"); }, {"line 2", "100"});
  }
}

}  // namespace
}  // namespace fqgan
