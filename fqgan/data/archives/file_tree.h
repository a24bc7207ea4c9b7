// A tree of named files with their bytes: a folder, or an archive.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fqgan/data/manifest.h"

namespace fqgan {

struct FileTree {
  struct File {
    std::string name;    // relative, with '/'
    int64_t size = 0;    // bytes
    int64_t id = 0;      // for the tree's own use
    bool image = false;  // else it describes the images: dataset.json, class_names.txt
  };
  /// A file that is neither.
  struct Unread {
    std::string name, kind;  // ".bmp", "" without an ending, or one of these two
    bool notes = false;      // nobody expects an image in it
  };
  static constexpr char broken_link[] = "broken link", special_file[] = "special file";
  std::filesystem::path where;
  std::vector<File> files;       // sorted by name
  std::vector<Unread> not_read;  // sorted by name
  Manifest manifest;

  virtual ~FileTree() = default;
  /// Reads the first `bytes` bytes, or all. May be called from several threads. Errors: DecodeError with the reason.
  virtual std::string read(const File& file, int64_t bytes) const = 0;
  /// The folders that are there as such, also empty ones; a zip need not name the others.
  const std::set<std::string>& folders() const { return folders_; }
  /// Whether the name is that of a file that is not an image, or lies in a folder that is left out.
  bool has_besides_images(const std::string& name) const;

 protected:
  /// Adds a file under its plain name, unless other tools left it behind.
  void add(File file);
  /// Whether the file or folder, or a folder that it is in, is of other tools. Then it is left out.
  bool leave_out_of_other_tools(const std::string& name);
  /// Adds a folder, which may be empty.
  void add_folder(const std::string& name) { folders_.insert(name); }
  /// Sorts the added files, leaves out those of runs of fqgan, recognises images by their ending, else by their first
  /// bytes, and sets the rest aside. Errors: UserError (two files of one name, a run of fqgan).
  void sort_out();
  /// Adds names and sizes to the manifest, and a sample of the contents.
  void add_contents_to_manifest();
  /// The folder is a run, and is left out.
  void leave_out_run(const std::string& folder) { runs_.insert(folder); }
  /// The whole tree is a run.
  [[noreturn]] void fail_as_run() const;

 private:
  bool holds(const std::string& name) const;
  std::vector<std::string> run_folders() const;

  std::set<std::string> runs_, of_other_tools_, folders_;
};

/// Opens a folder on disk. Links are followed, but not to a folder that they are in. Errors: UserError (a folder that
/// cannot be listed, a run of fqgan).
std::unique_ptr<FileTree> open_folder_tree(const std::filesystem::path& folder);

/// Opens a zip archive. Errors: UserError (not a zip; an entry outside of the archive's folder, a link, a duplicate).
std::unique_ptr<FileTree> open_zip_tree(const std::filesystem::path& file);

/// The name as every tree has it: folders separated by one '/', without "." as a folder. A backslash in the last part
/// separates folders too, since programs on Windows write such archives.
std::string plain_name(const std::string& name);

/// "5 .bmp, 2 files without an ending (only PNG, JPEG and WebP are read)", of the files whose names begin with
/// `prefix`; "" if there are none. Notes do not count.
std::string not_read_text(const FileTree& tree, const std::string& prefix = "");

}  // namespace fqgan
