// Two processes never train in one folder.
#include "fqgan/run/run_lock.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan {
namespace {

using test::expect_error;
using test::message_of;
using test::TemporaryFolder;

TEST(RunLock, IsExclusiveWhileItLives) {
  TemporaryFolder folder;
  std::optional<RunLock> first(std::in_place, folder.path);
  const std::string message = message_of<UserError>([&] { RunLock second(folder.path); });
  test::expect_names(message, {"[" + folder.path.string() + "] ", std::to_string(getpid())});
  first.reset();
  RunLock second(folder.path);
}

TEST(RunLock, EndsWithItsProcessHoweverItEnds) {
  TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    RunLock lock(folder.path);
    const bool written = write(ready[1], "x", 1) == 1;
    while (written) pause();
    _exit(1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const std::string message = message_of<UserError>([&] { RunLock lock(folder.path); });
  test::expect_names(message, {std::to_string(child)});
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  RunLock lock(folder.path);
  close(ready[0]);
  close(ready[1]);
}

TEST(RunLock, NeedsTheFolder) {
  TemporaryFolder folder;
  expect_error<UserError>([&] { RunLock lock(folder / "none"); }, {(folder / "none").string()});
}

}  // namespace
}  // namespace fqgan
