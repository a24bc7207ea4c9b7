#include "fqgan/core/signals.h"

#include <csignal>

namespace fqgan {
namespace {

volatile std::sig_atomic_t caught = 0;

void remember(int signal) {
  caught = signal;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_signals() {
  std::signal(SIGINT, remember);
  std::signal(SIGTERM, remember);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit then gives an error, like a full disk
}

int caught_signal() { return caught; }

}  // namespace fqgan
