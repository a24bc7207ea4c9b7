// A tree of named files with their bytes: a folder, or an archive.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/manifest.h"

namespace fqgan {

struct FileTree {
  struct File {
    std::string name;  // relative, with '/'
    int64_t size = 0;  // bytes
    int64_t id = 0;    // for the tree's own use
  };
  std::filesystem::path where;
  std::vector<File> files;  // sorted by name; hidden files (".DS_Store", "__MACOSX/...") are left out
  Manifest manifest;

  virtual ~FileTree() = default;
  /// Reads the first `bytes` bytes, or all. May be called from several threads. Errors: DecodeError with the reason.
  virtual std::string read(const File& file, int64_t bytes) const = 0;
};

/// Opens a folder on disk. Links are followed, and each folder is visited once. Errors: UserError (a folder that cannot
/// be listed).
std::unique_ptr<FileTree> open_folder_tree(const std::filesystem::path& folder);

/// Opens a zip archive. Errors: UserError (not a zip; an entry outside of the archive's folder, a link, a duplicate).
std::unique_ptr<FileTree> open_zip_tree(const std::filesystem::path& file);

/// Whether the file is hidden: a part of its name begins with '.', or is __MACOSX.
bool is_hidden(const std::string& name);

}  // namespace fqgan
