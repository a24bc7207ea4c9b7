// Files that are written completely or not at all: a temporary file beside the target, fsync, rename, fsync of the
// folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

#include "fqgan/core/partial_file.h"

namespace fqgan {

/// `no` is for thousands of files that can be made again: they are complete, but may be lost in a power cut.
enum class Sync { yes, no };

class AtomicFile {
 public:
  /// Opens `path`.partial-<pid>. Errors: SystemError "[path] cannot write: No space left on device. Hint: ...".
  explicit AtomicFile(std::filesystem::path path, Sync sync = Sync::yes);
  ~AtomicFile();  // without commit(): removes the temporary file
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);  // Errors: SystemError, after removing the temporary file
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();  // fsync, rename, fsync of the folder (without Sync: rename only)

 private:
  void discard();
  [[noreturn]] void discard_and_fail(int error);

  std::filesystem::path path_;
  PartialFile temporary_;
  Sync sync_;
  int file_ = -1;
};

void write_file_atomically(const std::filesystem::path& path, std::string_view text, Sync sync = Sync::yes);
/// Reads the whole file or pipe. Errors: UserError that names the path and the system's reason, or says that it is a
/// device or has more than `most` bytes.
std::string read_file(const std::filesystem::path& path, int64_t most = std::numeric_limits<int64_t>::max());
/// The most bytes of a file that people write: a recipe, a list of experiments.
inline constexpr int64_t most_bytes_by_hand = int64_t{64} << 20;
/// Makes the folder and its parents. Errors: UserError (not writable, a file of that name).
void make_folder(const std::filesystem::path& path);
/// Fails early if the output file given by `option` cannot be written, and creates its folder. Errors: UserError that
/// names the option (a folder of that name, a folder that cannot be made or written to).
void prepare_target(const std::filesystem::path& file, std::string_view option = "--out");

}  // namespace fqgan
