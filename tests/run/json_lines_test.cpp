// Appending to the line logs, also when a writer was killed or the disk is full.
#include "fqgan/run/json_lines.h"

#include <sys/resource.h>

#include <csignal>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/run/log_reader.h"
#include "support/support.h"

namespace fqgan {
namespace {

using test::expect_error;
using test::message_of;
using test::TemporaryFolder;

TEST(JsonLines, AppendsAcrossOpenings) {
  TemporaryFolder folder;
  {
    JsonLines log(folder / "log.jsonl");
    log.append("{\"step\":1}");
    EXPECT_EQ(log.flush(), 11);
    log.append("{\"step\":2}");
  }
  JsonLines log(folder / "log.jsonl");
  log.append("{\"step\":3}");
  EXPECT_EQ(log.flush(), 33);
  EXPECT_EQ(read_file(folder / "log.jsonl"), "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n");
}

TEST(JsonLines, CutsALineThatAKilledWriterLeft) {
  TemporaryFolder folder;
  const std::map<std::string, std::string> cases = {
      {"{\"step\":1}\n{\"st", "{\"step\":1}\n"}, {"{\"step\"", ""}, {"{\"step\":1}\n", "{\"step\":1}\n"}, {"", ""}};
  for (const auto& [torn, whole] : cases) {
    write_file_atomically(folder / "log.jsonl", torn);
    JsonLines(folder / "log.jsonl").append("{}");
    EXPECT_EQ(read_file(folder / "log.jsonl"), whole + "{}\n");
  }
}

TEST(JsonLines, KeepsACompleteLineWithoutALineBreak) {
  TemporaryFolder folder;
  write_file_atomically(folder / "log.jsonl", "{\"step\":1}\n{\"step\":2}");
  EXPECT_EQ(read_log(folder / "log.jsonl").size(), 2u);
  JsonLines(folder / "log.jsonl").append("{}");
  EXPECT_EQ(read_file(folder / "log.jsonl"), "{\"step\":1}\n{\"step\":2}\n{}\n");
}

TEST(JsonLines, AnEntryIsOneLine) {
  TemporaryFolder folder;
  EXPECT_THROW(JsonLines(folder / "log.jsonl").append("{\n}"), InternalError);
}

TEST(JsonLines, SaysWhichFileCannotBeOpened) {
  TemporaryFolder folder;
  const std::filesystem::path path = folder / "none" / "log.jsonl";
  expect_error<UserError>([&] { JsonLines log(path); }, {"[" + path.string() + "] "});
}

TEST(JsonLines, FullDiskLeavesWholeLines) {
  TemporaryFolder folder;
  JsonLines log(folder / "log.jsonl");
  log.append("{\"step\":1}");
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // so that write() fails instead of killing the process
  const rlimit small{15, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = message_of<SystemError>([&] { log.append("{\"step\":2}"); });
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  test::expect_names(message, {folder / "log.jsonl"});
  EXPECT_EQ(read_file(folder / "log.jsonl"), "{\"step\":1}\n");
  log.append("{\"step\":2}");
  EXPECT_EQ(read_log(folder / "log.jsonl").size(), 2u);
}

}  // namespace
}  // namespace fqgan
