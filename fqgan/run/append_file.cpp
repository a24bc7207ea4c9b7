#include "fqgan/run/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fqgan/core/error.h"

namespace fqgan {

AppendFile::AppendFile(std::filesystem::path path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) {
    fail(path_.string(), std::string("expected a file to append to, got: ") + std::strerror(errno) +
                             ". Hint: check the folder and its permissions");
  }
}

AppendFile::~AppendFile() { ::close(file_); }

void AppendFile::append(std::string_view record) {
  const int64_t before = length();
  size_t done = 0;
  while (done < record.size()) {  // once, unless a signal or a full disk cuts the write short
    const ssize_t written = ::write(file_, record.data() + done, record.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      [[maybe_unused]] const int cut =
          ::ftruncate(file_, before);  // an error here is ignored; the first one is reported
      fail_with(error);
    }
    done += static_cast<size_t>(written);
  }
}

int64_t AppendFile::length() const {
  struct stat status {};
  if (::fstat(file_, &status) < 0) fail_with(errno);
  return status.st_size;
}

int64_t AppendFile::flush() {
  if (::fsync(file_) < 0 && errno != EINVAL) fail_with(errno);  // EINVAL: cannot be synced, such as a pipe
  return length();
}

void AppendFile::fail_with(int error) const {
  fail<SystemError>(path_.string(), std::string("cannot write: ") + std::strerror(error));
}

}  // namespace fqgan
