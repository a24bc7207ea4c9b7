// The temporary name of a file that is being written: it is removed when writing fails and when a signal ends the
// program. After a kill -9, the next program that writes the same file removes it.
#pragma once

#include <filesystem>

namespace fqgan {

class PartialFile {
 public:
  /// Chooses the name `target`.partial-<pid>; makes no file.
  explicit PartialFile(const std::filesystem::path& target);
  ~PartialFile();  // removes the file, unless it was released
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// The file has been renamed: nothing is removed any more.
  void release();

 private:
  std::filesystem::path path_;
  int slot_;  // in the list for signals; -1: released, or the list was full
  bool released_ = false;
};

/// Removes the files of all PartialFiles. Only for signal handlers.
void unlink_partial_files();

/// Whether this is the temporary file of a killed process: `*.partial-<pid>` of a process that no longer runs.
bool is_left_behind(const std::filesystem::path& file);

/// Removes such files from a folder.
void remove_partial_files(const std::filesystem::path& folder);
/// The same for the temporary files of one target.
void remove_partial_files_of(const std::filesystem::path& target);

}  // namespace fqgan
