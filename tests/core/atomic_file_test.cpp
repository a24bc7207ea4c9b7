#include "fqgan/core/atomic_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

namespace fs = std::filesystem;

size_t entries(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(AtomicFile, IsNotThereBeforeCommit) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "a");
    file.write("one ");
    file.write("two");
    EXPECT_FALSE(fs::exists(folder / "a"));
    EXPECT_TRUE(fs::exists((folder / "a").string() + ".partial-" + std::to_string(getpid())));
    file.commit();
    EXPECT_EQ(read_file(folder / "a"), "one two");
  }
  EXPECT_EQ(entries(folder.path), 1u);
}

TEST(AtomicFile, WithoutCommitLeavesTheOldContentAndNothingElse) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  { AtomicFile(folder / "a").write("new"); }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(entries(folder.path), 1u);
}

TEST(AtomicFile, ReplacesALongerFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string(100000, 'x'));
  write_file_atomically(folder / "a", "short");
  EXPECT_EQ(read_file(folder / "a"), "short");
}

// The limit makes write() come up short and then fail, as a full disk does.
TEST(AtomicFile, AFailedWriteLeavesTheOldContentAndNoTemporary) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    int code = 1;
    try {
      AtomicFile file(folder / "a");
      file.write(std::string(900, 'x'));
      file.write(std::string(900, 'x'));
      file.commit();
    } catch (const SystemError& error) {
      code = error.what() == "[" + (folder / "a").string() + "] cannot write: File too large" ? 0 : 2;
    }
    _exit(code);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(entries(folder.path), 1u);
}

TEST(AtomicFile, NamesAFullDisk) {
  if (access("/dev/full", W_OK) == -1) GTEST_SKIP() << "no /dev/full here";
  const TemporaryFolder folder;
  fs::create_symlink("/dev/full", (folder / "a").string() + ".partial-" + std::to_string(getpid()));
  AtomicFile file(folder / "a");
  expect_error<SystemError>([&] { file.write("x"); }, {"[" + (folder / "a").string() + "]", std::strerror(ENOSPC)});
  EXPECT_EQ(entries(folder.path), 0u);
  EXPECT_THROW(file.write("x"), InternalError);
}

TEST(AtomicFile, NamesAMissingFolderAndAFolderInTheWay) {
  const TemporaryFolder folder;
  expect_error<SystemError>([&] { AtomicFile(folder / "no/a"); }, {"no/a]", std::strerror(ENOENT)});
  make_folder(folder / "a");
  expect_error<SystemError>([&] { write_file_atomically(folder / "a", "x"); }, {"a] "});
  EXPECT_EQ(entries(folder.path), 1u);
}

TEST(ReadFile, ReadsBytesAndNamesTheReason) {
  const TemporaryFolder folder;
  std::string bytes(300001, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  write_file_atomically(folder / "a", bytes);
  EXPECT_EQ(read_file(folder / "a"), bytes);
  write_file_atomically(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
  expect_error<UserError>([&] { read_file(folder / "no"); },
                          {"[" + (folder / "no").string() + "]", std::strerror(ENOENT)});
  expect_error<UserError>([&] { read_file(folder.path); }, {folder.path.string(), std::strerror(EISDIR)});
}

TEST(MakeFolder, MakesParentsAndRefusesAFileInTheWay) {
  const TemporaryFolder folder;
  make_folder(folder / "a/b/c");
  make_folder(folder / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
  write_file_atomically(folder / "file", "");
  expect_error<UserError>([&] { make_folder(folder / "file"); }, {"/file]"});
  expect_error<UserError>([&] { make_folder(folder / "file/x"); }, {"/file/x]", std::strerror(ENOTDIR)});
}

TEST(PrepareTarget, MakesTheFolderAndRefusesWhatCannotBeWritten) {
  const TemporaryFolder folder;
  prepare_target(folder / "new/values.csv");
  EXPECT_TRUE(fs::is_empty(folder / "new"));
  expect_error<UserError>([&] { prepare_target(folder / "new"); }, {"/new]"});
  write_file_atomically(folder / "file", "");
  expect_error<UserError>([&] { prepare_target(folder / "file/a.csv", "--table"); },
                          {"/file/a.csv]", std::strerror(ENOTDIR)});
}

TEST(RemovePartialFiles, TakesOnlyThoseOfDeadProcesses) {
  const TemporaryFolder folder;
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  const std::string gone = "a.partial-" + std::to_string(dead);
  const std::vector<std::string> kept = {
      "a", "a.partial-" + std::to_string(getpid()), "a.partial-1", "a.partial-", "a.partial-x", gone + "x"};
  for (const auto& name : kept) write_file_atomically(folder / name, "");
  write_file_atomically(folder / gone, "");
  remove_partial_files(folder.path);
  EXPECT_FALSE(fs::exists(folder / gone));
  for (const auto& name : kept) EXPECT_TRUE(fs::exists(folder / name)) << name;
  remove_partial_files(folder / "missing");
}

TEST(ReadFile, ReadsPipesButNoDevices) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::ofstream(folder / "pipe") << "text";
    _exit(0);
  }
  EXPECT_EQ(read_file(folder / "pipe"), "text");
  waitpid(child, nullptr, 0);
  expect_error<UserError>([] { read_file("/dev/zero"); }, {"/dev/zero", "device"});
}

TEST(ReadFile, HasALimit) {
  const TemporaryFolder folder;
  const int64_t most = int64_t{1} << 20;
  write_file_atomically(folder / "a", std::string(static_cast<size_t>(most), 'x'));
  EXPECT_EQ(read_file(folder / "a", most).size(), static_cast<size_t>(most));
  write_file_atomically(folder / "a", std::string(static_cast<size_t>(most) + 1, 'x'));
  expect_error<UserError>([&] { read_file(folder / "a", most); }, {(folder / "a").string(), "1 MiB"});
}

}  // namespace
}  // namespace fqgan::test
