// One holder at a time, in one process and across processes.
#include "fqgan/core/file_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan {
namespace {

using test::expect_error;
using test::TemporaryFolder;

TEST(FileLock, HasOneHolderWhoIsNamed) {
  TemporaryFolder folder;
  const auto path = folder / "lock";
  EXPECT_FALSE(FileLock::is_held(path));
  std::optional<FileLock> first(std::in_place, path);
  EXPECT_FALSE(FileLock::is_held(path)) << "opening does not lock";
  ASSERT_TRUE(first->try_lock());
  EXPECT_TRUE(FileLock::is_held(path));
  FileLock second(path);
  EXPECT_FALSE(second.try_lock());
  EXPECT_EQ(second.holder(), std::to_string(getpid()));
  first.reset();
  EXPECT_TRUE(second.try_lock());
}

TEST(FileLock, WaitsForTheHolder) {
  TemporaryFolder folder;
  std::optional<FileLock> first(std::in_place, folder / "lock");
  ASSERT_TRUE(first->try_lock());
  std::atomic<int> waited = 0;
  std::atomic<bool> got = false;
  std::thread other([&] {
    FileLock second(folder / "lock");
    second.lock([&] { ++waited; });
    got = true;
  });
  while (waited == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(got);
  first.reset();
  other.join();
  EXPECT_EQ(waited, 1);
  EXPECT_TRUE(got);
}

TEST(FileLock, OfAFileThatIsRemovedHasOneHolder) {
  TemporaryFolder folder;
  const auto path = folder / "lock";
  std::atomic<int> holders = 0, most = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      for (int turn = 0; turn < 200; ++turn) {
        FileLock lock(path, FileLock::removed_at_end);
        lock.lock([] {});
        most = std::max(most.load(), ++holders);
        std::this_thread::yield();
        --holders;
      }
    });
  for (auto& other : others) other.join();
  EXPECT_EQ(most, 1);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(FileLock, KeepsTheFileOfAnotherHolder) {
  TemporaryFolder folder;
  const auto path = folder / "lock";
  FileLock first(path, FileLock::removed_at_end);
  ASSERT_TRUE(first.try_lock());
  {
    FileLock second(path, FileLock::removed_at_end);
    EXPECT_FALSE(second.try_lock());
  }
  EXPECT_TRUE(FileLock::is_held(path));
}

TEST(FileLock, GoesOnThroughAMove) {
  TemporaryFolder folder;
  FileLock first(folder / "lock");
  ASSERT_TRUE(first.try_lock());
  const FileLock moved(std::move(first));
  EXPECT_TRUE(FileLock::is_held(folder / "lock"));
}

TEST(FileLock, EndsWithItsProcess) {
  TemporaryFolder folder;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    FileLock lock(folder / "lock");
    _exit(lock.try_lock() ? 0 : 1);  // without the destructor
  }
  int status = 1;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  FileLock lock(folder / "lock");
  EXPECT_EQ(lock.holder(), std::to_string(child));
  EXPECT_TRUE(lock.try_lock());
}

TEST(FileLock, NamesTheFileThatCannotBeOpened) {
  TemporaryFolder folder;
  const auto missing = folder / "none" / "lock";
  expect_error<SystemError>([&] { FileLock lock(missing); }, {missing.string()});
}

}  // namespace
}  // namespace fqgan
