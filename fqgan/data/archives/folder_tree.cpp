// A folder on disk as a tree of files.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/archives/file_tree.h"
#include "fqgan/data/images/decode.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

class FolderTree : public FileTree {
 public:
  explicit FolderTree(const fs::path& folder) {
    where = folder;
    log_detail("[data] reading " + folder.string());
    visit(folder, "");
    std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.name < b.name; });
    manifest.add("folder");
    for (const auto& file : files) manifest.add_file(where / file.name, file.name, Content::none);
  }

  std::string read(const File& file, int64_t bytes) const override {
    std::ifstream input(where / file.name, std::ios::binary);
    if (!input) throw DecodeError(std::strerror(errno));
    std::string result(static_cast<size_t>(std::min(file.size, bytes)), '\0');
    input.read(result.data(), static_cast<std::streamsize>(result.size()));
    if (input.gcount() != static_cast<std::streamsize>(result.size()))
      throw DecodeError("the file changed while it was read");
    return result;
  }

 private:
  void visit(const fs::path& folder, const std::string& prefix) {
    std::error_code problem;
    if (!visited_.insert(fs::canonical(folder, problem).string()).second) return;  // a loop of links
    fs::directory_iterator entries(folder, problem);
    if (problem) fail("data", folder.string() + ": cannot be listed (" + problem.message() + ")");
    for (const auto& entry : entries) {
      const auto name = prefix + entry.path().filename().string();
      if (is_hidden(name)) continue;
      if (entry.is_directory(problem)) {
        visit(entry.path(), name + "/");
      } else if (entry.is_regular_file(problem)) {
        files.push_back({name, static_cast<int64_t>(entry.file_size(problem)), 0});
      }
    }
  }

  std::set<std::string> visited_;
};

}  // namespace

bool is_hidden(const std::string& name) {
  return name[0] == '.' || name.find("/.") != std::string::npos || name.starts_with("__MACOSX/");
}

std::unique_ptr<FileTree> open_folder_tree(const fs::path& folder) { return std::make_unique<FolderTree>(folder); }

}  // namespace fqgan
