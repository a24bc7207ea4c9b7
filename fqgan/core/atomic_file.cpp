#include "fqgan/core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

// Repeats a system call while a signal interrupts it.
template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

[[noreturn]] void fail_writing(const fs::path& path, int error) {
  std::string hint;
  if (error == ENOSPC || error == EDQUOT) hint = ". Hint: free some space; files saved before are complete";
  if (error == EACCES || error == EPERM || error == EROFS) hint = ". Hint: choose a folder that you may write to";
  fail<SystemError>(path.string(), "cannot write: " + std::string(std::strerror(error)) + hint);
}

// Syncs the folder, so that the new name survives a power cut. Errors are ignored, because some file systems cannot
// sync folders.
void sync_folder(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int descriptor = retried([&] { return open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor == -1) return;
  const int error = retried([&] { return fsync(descriptor); }) == -1 ? errno : 0;
  close(descriptor);
  if (error == EIO || error == ENOSPC || error == EDQUOT) fail_writing(file, error);
}

/// Whether an open file is a device, which may have no end. A pipe is none: `train <(...)` reads from one.
bool is_device(int file) {
  struct stat status {};
  return fstat(file, &status) == 0 && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode));
}

/// The reason why the folder cannot be made, or takes no files.
std::error_code made_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error && !fs::is_directory(path)) error = std::make_error_code(std::errc::not_a_directory);
  if (!error && access(path.c_str(), W_OK | X_OK) == -1) error = std::error_code(errno, std::generic_category());
  return error;
}

}  // namespace

AtomicFile::AtomicFile(fs::path path, Sync sync) : path_(std::move(path)), temporary_(path_), sync_(sync) {
  file_ = retried([&] { return open(temporary_.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); });
  if (file_ == -1) fail_writing(path_, errno);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (file_ == -1) return;
  close(std::exchange(file_, -1));
  unlink(temporary_.path().c_str());
  temporary_.release();
}

void AtomicFile::discard_and_fail(int error) {
  discard();
  fail_writing(path_, error);
}

void AtomicFile::write(const void* data, size_t bytes) {
  FQGAN_CHECK(file_ != -1, "write() after commit() or an error: " + path_.string());
  const char* rest = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = retried([&] { return ::write(file_, rest, bytes); });
    if (written == -1) discard_and_fail(errno);
    rest += written;
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  FQGAN_CHECK(file_ != -1, "commit() after commit() or an error: " + path_.string());
  if (sync_ == Sync::yes && retried([&] { return fsync(file_); }) == -1) discard_and_fail(errno);
  if (rename(temporary_.path().c_str(), path_.c_str()) == -1) discard_and_fail(errno);
  temporary_.release();
  // Network file systems report some write errors only at close; the fsync above reports them before the rename.
  close(std::exchange(file_, -1));
  if (sync_ == Sync::yes) sync_folder(path_);
}

void write_file_atomically(const fs::path& path, std::string_view text, Sync sync) {
  AtomicFile file(path, sync);
  file.write(text);
  file.commit();
}

std::string read_file(const fs::path& path, int64_t most) {
  const auto refuse = [&](const std::string& reason) { fail(path.string(), "cannot read: " + reason); };
  const int file = retried([&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (file == -1) refuse(std::strerror(errno));
  std::string text;
  const bool device = is_device(file);
  ssize_t got = device ? 0 : 1;
  int error = 0;
  while (got > 0 && static_cast<int64_t>(text.size()) <= most) {
    const size_t before = text.size();
    text.resize(before + (before < (1 << 16) ? 1 << 16 : before));  // doubling takes linear time in total
    got = retried([&] { return read(file, text.data() + before, text.size() - before); });
    error = got == -1 ? errno : 0;
    text.resize(before + (got > 0 ? static_cast<size_t>(got) : 0));
  }
  close(file);
  if (device) refuse("it is a device. Hint: give a file");
  if (error) refuse(std::strerror(error));
  if (static_cast<int64_t>(text.size()) > most)
    refuse("it is longer than " + std::to_string(most >> 20) + " MiB. Hint: is it the right file?");
  return text;
}

void make_folder(const fs::path& path) {
  if (const auto error = made_folder(path))
    fail(path.string(), "expected a folder to write to, got: " + error.message() + ". Hint: choose another folder");
}

void prepare_target(const fs::path& file, std::string_view option) {
  const auto where = std::string(option) + " " + file.string();
  std::error_code ignored;
  if (fs::is_directory(file, ignored))
    fail(where, "expected a file to write, got a folder of that name. Hint: choose another name");
  if (const auto error = made_folder(file.has_parent_path() ? file.parent_path() : fs::path(".")))
    fail(where, "expected a folder to write to, got: " + error.message() + ". Hint: choose another folder");
}

}  // namespace fqgan
