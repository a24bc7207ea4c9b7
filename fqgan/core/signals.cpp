#include "fqgan/core/signals.h"

#include <csignal>
#include <iterator>

#include "fqgan/core/partial_file.h"

namespace fqgan {
namespace {

constexpr int signals[] = {SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t caught = 0;                     // the first one
volatile std::sig_atomic_t arrived[std::size(signals)]{};  // which ones

void end(int signal) {
  unlink_partial_files();
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // delivered when this handler returns
}

void remember(int signal) {
  for (size_t i = 0; i < std::size(signals); ++i) {
    if (signals[i] != signal) continue;
    if (arrived[i] && signal != SIGHUP) end(signal);
    arrived[i] = 1;
  }
  if (!caught) caught = signal;
}

bool is_ignored(int signal) {
  struct sigaction now {};
  return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

void end_on_signals() {
  for (const int signal : signals)
    if (!is_ignored(signal)) std::signal(signal, end);
  std::signal(SIGXFSZ, SIG_IGN);
}

void catch_signals() {
  for (const int signal : signals)
    if (signal != SIGHUP || !is_ignored(signal)) std::signal(signal, remember);
}

int caught_signal() { return caught; }

}  // namespace fqgan
