#include "fqgan/core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "fqgan/core/error.h"

namespace fqgan {

FileLock::FileLock(std::filesystem::path path, Afterwards afterwards)
    : path_(std::move(path)), afterwards_(afterwards) {
  open();
}

FileLock::FileLock(FileLock&& other) noexcept
    : path_(std::move(other.path_)),
      afterwards_(other.afterwards_),
      file_(std::exchange(other.file_, -1)),
      locked_(std::exchange(other.locked_, false)) {}

FileLock::~FileLock() {
  if (locked_ && afterwards_ == removed_at_end) ::unlink(path_.c_str());  // while it is locked
  if (file_ >= 0) ::close(file_);
}

bool FileLock::take(int mode) {
  while (!locked_) {
    while (::flock(file_, mode) != 0) {
      if (errno == EWOULDBLOCK) return false;
      if (errno != EINTR) fail_with(errno);
    }
    if (!(locked_ = afterwards_ == kept || is_at_path())) open();
  }
  name_holder();
  return true;
}

bool FileLock::try_lock() { return take(LOCK_EX | LOCK_NB); }

void FileLock::lock(const std::function<void()>& waiting) {
  if (try_lock()) return;
  waiting();
  take(LOCK_EX);
}

void FileLock::open() {
  if (file_ >= 0) ::close(file_);
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail_with(errno);
}

// Not if the process that held the lock before removed the file: others then lock a new one.
bool FileLock::is_at_path() const {
  struct stat own {
  }, there{};
  return ::fstat(file_, &own) == 0 && ::stat(path_.c_str(), &there) == 0 && own.st_dev == there.st_dev &&
         own.st_ino == there.st_ino;
}

std::string FileLock::holder() const {
  char text[32] = {};
  const ssize_t length = ::pread(file_, text, sizeof text - 1, 0);
  return length > 0 ? text : "";
}

bool FileLock::is_held(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return false;
  const bool held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);  // also frees the lock
  return held;
}

// Only for messages: the lock holds even if this cannot be written.
void FileLock::name_holder() const {
  const std::string process = std::to_string(::getpid());
  [[maybe_unused]] const bool named =
      ::ftruncate(file_, 0) == 0 && ::pwrite(file_, process.data(), process.size(), 0) > 0;
}

void FileLock::fail_with(int code) const { fail<SystemError>(path_.string(), std::strerror(code)); }

}  // namespace fqgan
