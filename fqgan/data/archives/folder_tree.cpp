// A folder on disk as a tree of files.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/run_marker.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/file_names.h"
#include "fqgan/data/archives/file_tree.h"
#include "fqgan/data/images/decode.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

// A folder by device and number, whatever links lead to it.
using FolderId = std::pair<dev_t, ino_t>;

[[noreturn]] void fail_to_read(const fs::path& path, const std::error_code& problem) {
  fail("data", printable(path.string()) + ": cannot be read (" + problem.message() +
                   "). Hint: check its permissions, or move it out of the data");
}

FolderId id_of(const fs::path& folder) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0) fail_to_read(folder, {errno, std::generic_category()});
  return {status.st_dev, status.st_ino};
}

class FolderTree : public FileTree {
 public:
  explicit FolderTree(const fs::path& folder) {
    where = folder;
    log_detail("[data] reading " + folder.string());
    if (is_run_folder(folder)) fail_as_run();
    std::error_code problem;
    const auto place = fs::canonical(folder, problem);
    if (problem) fail_to_read(folder, problem);
    for (auto above = place; above.has_relative_path();) {
      above = above.parent_path();
      open_.push_back(id_of(above));
    }
    visit(folder, "");
    sort_out();
    manifest = Manifest("folder");
    for (const auto& file : files) manifest.add_file(path_of(file), file.name, Content::none);
    add_contents_to_manifest();
  }

  std::string read(const File& file, int64_t bytes) const override {
    std::ifstream input(path_of(file), std::ios::binary);
    if (!input) throw DecodeError(std::strerror(errno));
    std::string result(static_cast<size_t>(std::min(file.size, bytes)), '\0');
    input.read(result.data(), static_cast<std::streamsize>(result.size()));
    if (input.gcount() != static_cast<std::streamsize>(result.size()))
      throw DecodeError("the file changed while it was read");
    return result;
  }

 private:
  const fs::path& path_of(const File& file) const { return paths_[static_cast<size_t>(file.id)]; }

  void visit(const fs::path& folder, const std::string& prefix) {
    const auto id = id_of(folder);
    if (std::find(open_.begin(), open_.end(), id) != open_.end()) return;  // a link to a folder that it is in
    open_.push_back(id);
    std::error_code problem;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem))
      visit_entry(*entry, prefix + entry->path().filename().string());
    if (problem) fail_to_read(folder, problem);
    open_.pop_back();
  }

  void visit_entry(const fs::directory_entry& entry, const std::string& name) {
    if (leave_out_of_other_tools(name)) return;
    std::error_code problem;
    const bool folder = entry.is_directory(problem);
    if (problem == std::errc::permission_denied) fail_to_read(entry.path(), problem);
    if (folder) {
      if (is_run_folder(entry.path())) return leave_out_run(name);
      add_folder(name);
      visit(entry.path(), name + "/");
    } else if (entry.is_regular_file(problem)) {
      const auto size = entry.file_size(problem);
      if (problem) fail_to_read(entry.path(), problem);
      add({name, static_cast<int64_t>(size), static_cast<int64_t>(paths_.size())});
      paths_.push_back(entry.path());
    } else {
      not_read.push_back({name, entry.is_symlink(problem) ? broken_link : special_file});
    }
  }

  std::vector<FolderId> open_;   // the folders that the visited one is in, up to the root of the file system
  std::vector<fs::path> paths_;  // by the id of a file
};

}  // namespace

std::unique_ptr<FileTree> open_folder_tree(const fs::path& folder) { return std::make_unique<FolderTree>(folder); }

}  // namespace fqgan
