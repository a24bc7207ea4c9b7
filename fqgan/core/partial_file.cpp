#include "fqgan/core/partial_file.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>

namespace fqgan {
namespace {

namespace fs = std::filesystem;

const std::string mark = ".partial-";

// What a signal handler may read: no memory that could be in the middle of a change.
struct Slot {
  std::atomic<bool> taken = false, filled = false;
  char path[4096] = "";
};
Slot slots[16];

int fill_slot(const std::string& path) {
  if (path.size() >= sizeof slots[0].path) return -1;
  for (size_t i = 0; i < std::size(slots); ++i) {
    if (slots[i].taken.exchange(true)) continue;
    std::memcpy(slots[i].path, path.c_str(), path.size() + 1);
    slots[i].filled = true;
    return static_cast<int>(i);
  }
  return -1;
}

void free_slot(int slot) {
  if (slot < 0) return;
  slots[slot].filled = false;
  slots[slot].taken = false;
}

bool is_running(pid_t process) { return kill(process, 0) == 0 || errno == EPERM; }

void remove_left_behind(const fs::path& folder, const std::string& beginning) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(beginning) || !is_left_behind(entry->path())) continue;
    std::error_code ignored;  // another user's file cannot be removed
    fs::remove(entry->path(), ignored);
  }
}

}  // namespace

PartialFile::PartialFile(const fs::path& target)
    : path_(target.string() + mark + std::to_string(getpid())), slot_(fill_slot(path_.string())) {}

PartialFile::~PartialFile() {
  if (!released_) unlink(path_.c_str());
  release();
}

void PartialFile::release() {
  released_ = true;
  free_slot(std::exchange(slot_, -1));
}

void unlink_partial_files() {
  for (const auto& slot : slots)
    if (slot.filled) unlink(slot.path);
}

bool is_left_behind(const fs::path& file) {
  const auto name = file.filename().string();
  const auto found = name.rfind(mark);
  if (found == std::string::npos) return false;
  const char* end = name.data() + name.size();
  pid_t process = 0;
  const auto parsed = std::from_chars(name.data() + found + mark.size(), end, process);
  return parsed.ec == std::errc() && parsed.ptr == end && process > 0 && !is_running(process);
}

void remove_partial_files(const fs::path& folder) { remove_left_behind(folder, ""); }

void remove_partial_files_of(const fs::path& target) {
  remove_left_behind(target.has_parent_path() ? target.parent_path() : ".", target.filename().string() + mark);
}

}  // namespace fqgan
