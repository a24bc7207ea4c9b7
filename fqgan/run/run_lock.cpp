#include "fqgan/run/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"

namespace fqgan {
namespace {

/// " (process 1234)" of the holder, who wrote it into the file.
std::string holder(int file) {
  char text[32] = {};
  const ssize_t length = ::pread(file, text, sizeof text - 1, 0);
  return length > 0 ? " (process " + std::string(text) + ")" : "";
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& run) {
  file_ = ::open((run / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail(run.string(), std::string("expected a run folder to train in, got: ") + std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) < 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) {
      const std::string who = holder(file_);
      ::close(file_);
      fail(run.string(), "expected a run that nobody trains, found one in training" + who +
                             ". Hint: stop that process, or choose another --out");
    }
    log_warning("[" + run.string() + "] no lock against a second training here: " + std::strerror(error));
    return;
  }
  const std::string process = std::to_string(::getpid());
  // For the message above alone: the lock holds whether or not this can be written.
  [[maybe_unused]] const bool named =
      ::ftruncate(file_, 0) == 0 && ::pwrite(file_, process.data(), process.size(), 0) > 0;
}

bool RunLock::is_held(const std::filesystem::path& run) {
  const int file = ::open((run / ".lock").c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return false;
  const bool held = ::flock(file, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
  ::close(file);  // and with it the lock
  return held;
}

RunLock::~RunLock() { ::close(file_); }

}  // namespace fqgan
