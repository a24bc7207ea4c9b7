#include "fqgan/core/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

namespace fqgan {
namespace {

bool output_was_closed = false;

[[noreturn]] void fail_printing(const std::string& reason) {
  throw SystemError("standard output: cannot write: " + reason);
}

}  // namespace

void open_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    if (descriptor == STDOUT_FILENO) output_was_closed = true;
    [[maybe_unused]] const int opened = open("/dev/null", O_RDWR);  // gets the lowest free number, this one
  }
  std::signal(SIGPIPE, SIG_IGN);
}

void print(std::string_view text) {
  if (output_was_closed) fail_printing("it is closed");
  while (!text.empty()) {
    const auto written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // another process has made the pipe non-blocking
      pollfd waiting{STDOUT_FILENO, POLLOUT, 0};
      poll(&waiting, 1, -1);
    } else if (errno == EPIPE) {
      throw ReaderGone("standard output: the reader is gone");
    } else if (errno != EINTR) {
      fail_printing(std::strerror(errno));
    }
  }
}

}  // namespace fqgan
