#include "fqgan/core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "fqgan/core/error.h"

namespace fqgan {

FileLock::FileLock(std::filesystem::path path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail_with(errno);
}

FileLock::FileLock(FileLock&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

FileLock::~FileLock() {
  if (file_ >= 0) ::close(file_);
}

bool FileLock::try_lock() {
  while (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) fail_with(errno);
  }
  name_holder();
  return true;
}

void FileLock::lock(const std::function<void()>& waiting) {
  if (try_lock()) return;
  waiting();
  while (::flock(file_, LOCK_EX) != 0)
    if (errno != EINTR) fail_with(errno);
  name_holder();
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
