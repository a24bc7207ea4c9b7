#include "fqgan/core/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <sstream>
#include <thread>
#include <vector>

#include "support/support.h"

namespace fqgan::test {
namespace {

struct Log : testing::Test {
  ~Log() override { set_log_level(LogLevel::normal); }
  static std::string of_all_kinds() {
    testing::internal::CaptureStderr();
    log_info("i");
    log_detail("d");
    log_warning("w");
    log_error("e");
    log_status("s");
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(Log, ShowsWhatTheLevelAsksFor) {
  EXPECT_EQ(of_all_kinds(), "i\nwarning: w\nerror: e\n");  // a file is no terminal: no status
  set_log_level(LogLevel::quiet);
  EXPECT_EQ(of_all_kinds(), "warning: w\nerror: e\n");
  set_log_level(LogLevel::verbose);
  EXPECT_EQ(of_all_kinds(), "i\nd\nwarning: w\nerror: e\n");
}

TEST_F(Log, KeepsANameWithALineBreakOnItsLine) {
  testing::internal::CaptureStderr();
  log_error("[a\nb] cannot be read");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "error: [a\\nb] cannot be read\n");
}

TEST_F(Log, KeepsLinesOfThreadsWhole) {
  testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (char c : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([c] {
      for (int i = 0; i < 200; ++i) log_info(std::string(50, c));
    });
  }
  for (auto& thread : threads) thread.join();
  std::istringstream lines(testing::internal::GetCapturedStderr());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_EQ(line, std::string(50, line[0]));
  EXPECT_EQ(count, 800);
}

TEST_F(Log, RedrawsTheStatusInPlaceOnATerminal) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal == -1 || grantpt(terminal) == -1 || unlockpt(terminal) == -1) GTEST_SKIP() << "no pseudo-terminals here";
  const int other_end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  ASSERT_NE(other_end, -1);
  winsize size{};
  size.ws_col = 10;
  ioctl(other_end, TIOCSWINSZ, &size);
  const int saved = dup(STDERR_FILENO);
  dup2(other_end, STDERR_FILENO);
  EXPECT_TRUE(log_is_terminal());
  log_status("step 1");
  log_status("a line that is too long");
  log_info("hello");
  log_info("again");
  dup2(saved, STDERR_FILENO);
  const std::string expected = "\r\033[Kstep 1\r\033[Ka line th\r\033[Khello\r\nagain\r\n";
  std::string shown;  // a terminal hands on what was written piece by piece
  char buffer[512];
  pollfd readable{terminal, POLLIN, 0};
  while (poll(&readable, 1, shown.size() < expected.size() ? 5000 : 50) > 0) {
    const ssize_t got = read(terminal, buffer, sizeof buffer);
    if (got <= 0) break;
    shown.append(buffer, static_cast<size_t>(got));
  }
  for (int file : {saved, other_end, terminal}) close(file);
  EXPECT_EQ(shown, expected);
}

}  // namespace
}  // namespace fqgan::test
