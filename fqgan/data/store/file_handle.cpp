#include "fqgan/data/store/file_handle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "fqgan/core/error.h"

namespace fqgan {

FileHandle::FileHandle(std::filesystem::path path, int flags) : path_(std::move(path)) {
  file_ = open(path_.c_str(), flags | O_CLOEXEC, 0644);
  if (file_ < 0) fail_with(errno);
}

FileHandle::~FileHandle() {
  if (file_ >= 0) close(file_);
}

FileHandle::FileHandle(FileHandle&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

int64_t FileHandle::size() const {
  struct stat status;
  if (fstat(file_, &status) != 0) fail_with(errno);
  return status.st_size;
}

std::string FileHandle::read(int64_t at, int64_t bytes) const {
  std::string result(static_cast<size_t>(bytes), '\0');
  for (size_t got = 0; got < result.size();) {
    const auto now = pread(file_, result.data() + got, result.size() - got, at + static_cast<int64_t>(got));
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) fail_with(errno);
    if (now == 0) fail<SystemError>("data", path_.string() + ": the file ended while it was read");
    got += static_cast<size_t>(now);
  }
  return result;
}

void FileHandle::write(int64_t at, const void* data, size_t bytes) const {
  const auto* from = static_cast<const char*>(data);
  for (size_t done = 0; done < bytes;) {
    const auto now = pwrite(file_, from + done, bytes - done, at + static_cast<int64_t>(done));
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) fail_with(errno);
    done += static_cast<size_t>(now);
  }
}

void FileHandle::resize(int64_t bytes) const {
  if (ftruncate(file_, bytes) != 0) fail_with(errno);
}

void FileHandle::reserve(int64_t bytes) const {
  if (bytes == 0) return;
  const int code = posix_fallocate(file_, 0, bytes);
  if (code == 0) return;
  fail<SystemError>("data", path_.string() + ": cannot reserve " + std::to_string(bytes) + " bytes on the disk: " +
                                std::strerror(code) + ". Hint: free some space, or set FQGAN_CACHE to another place");
}

void FileHandle::sync() const {
  if (fdatasync(file_) != 0) fail_with(errno);
}

void FileHandle::fail_with(int code) const { fail<SystemError>("data", path_.string() + ": " + std::strerror(code)); }

}  // namespace fqgan
