#include "fqgan/core/log.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <set>

#include "fqgan/core/text.h"

namespace fqgan {
namespace {

// Guards everything below, so that lines of several threads do not mix.
std::mutex mutex;
LogLevel level = LogLevel::normal;
bool status_shown = false;

const char* const clear_line = "\r\033[K";

// One fwrite to the unbuffered stderr is one write(): lines of several processes do not mix either. An error is
// ignored, because nobody reads the log then: a closed pipe must not end a training.
void put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

void put_line(LogLevel needed, const std::string& line) {
  const std::lock_guard lock(mutex);
  if (level < needed) return;
  put((status_shown ? clear_line : "") + one_line(line) + "\n");
  status_shown = false;
}

// Cuts a line to the terminal's width, because a wrapped line could not be redrawn in place.
std::string cut_to_terminal(const std::string& line) {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col == 0) return line;
  int columns = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(line[i]) & 0xc0) != 0x80;  // UTF-8
    if (starts_character && ++columns == size.ws_col) return line.substr(0, i);
  }
  return line;
}

}  // namespace

void set_log_level(LogLevel new_level) {
  const std::lock_guard lock(mutex);
  level = new_level;
}

void log_info(const std::string& line) { put_line(LogLevel::normal, line); }

void log_info_once(const std::string& line) {
  static std::set<std::string> logged;
  {
    const std::lock_guard lock(mutex);
    if (!logged.insert(line).second) return;
  }
  log_info(line);
}

void log_detail(const std::string& line) { put_line(LogLevel::verbose, line); }
void log_warning(const std::string& line) { put_line(LogLevel::quiet, "warning: " + line); }
void log_error(const std::string& line) { put_line(LogLevel::quiet, "error: " + line); }

void log_status(const std::string& line) {
  const std::lock_guard lock(mutex);
  if (level == LogLevel::quiet || !log_is_terminal()) return;
  put(clear_line + cut_to_terminal(one_line(line)));
  status_shown = !line.empty();
}

bool log_is_verbose() {
  const std::lock_guard lock(mutex);
  return level == LogLevel::verbose;
}

bool log_is_terminal() { return isatty(STDERR_FILENO) == 1; }

}  // namespace fqgan
