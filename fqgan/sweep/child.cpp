#include "fqgan/sweep/child.h"

#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

/// The words that start this program: its file, or a loader with it ("ld-linux.so fqgan ..."), as it was started.
std::vector<std::string> own_command() {
  std::vector<std::string> words{std::filesystem::read_symlink("/proc/self/exe").string()};
  Dl_info own{};
  const bool by_loader = getauxval(AT_BASE) == 0;
  if (by_loader && dladdr(reinterpret_cast<const void*>(&run_child), &own) != 0) words.emplace_back(own.dli_fname);
  return words;
}

/// Blocks the signals that end a training. A child has the handlers of the sweep until it executes the program, and
/// would lose a signal that comes before.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int number : numbers) sigaddset(&ending, number);
    pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  void restore() const { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  /// Gives handled signals back their default, so that one that came since ends the child.
  void restore_in_child() const {
    for (const int number : numbers) {
      struct sigaction action {};
      if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) signal(number, SIG_DFL);
    }
    restore();
  }

 private:
  static constexpr int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  sigset_t before_{};
};

}  // namespace

int run_child(const std::vector<std::string>& arguments, const std::function<bool()>& stop) {
  auto words = own_command();
  const auto program = words.front();
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const BlockedSignals blocked;
  const pid_t parent = getpid(), child = fork();
  if (child < 0) fail<SystemError>(program, std::string("cannot start a training: ") + strerror(errno));
  if (child == 0) {  // calls only functions that are safe after a fork
    blocked.restore_in_child();
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // a training saves and ends if the sweep is killed
    if (getppid() == parent) execv(program.c_str(), pointers.data());
    _exit(127);
  }
  blocked.restore();
  int status = 0;
  for (bool asked = false; waitpid(child, &status, WNOHANG) == 0;) {
    if (!asked && stop()) {
      kill(child, SIGTERM);
      asked = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string first_line_of(const std::string& command) {
  auto* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (!pipe) return "";
  char line[256] = "";
  const bool read = fgets(line, sizeof line, pipe);
  pclose(pipe);
  std::string text = read ? line : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace fqgan
