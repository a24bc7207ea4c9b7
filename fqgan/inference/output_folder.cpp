// A folder with one PNG per image. Every file is complete, also after a kill; but files are written without fsync,
// which would take minutes for fifty thousand images.
#include <algorithm>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/inference/output_files.h"
#include "fqgan/inference/output_kinds.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

class FolderOutput : public PngFiles {
 public:
  FolderOutput(fs::path folder, const std::vector<std::string>& class_names)
      : PngFiles(class_names), folder_(std::move(folder)) {}

  void finish() override {}

 protected:
  void put(const std::string& name, std::string_view png) override {
    const fs::path path = folder_ / name;
    make_folder(path.parent_path());
    write_file_atomically(path, png, Sync::no);
  }

 private:
  fs::path folder_;
};

[[noreturn]] void refuse(const fs::path& folder, const std::string& found, const std::string& hint) {
  fail(folder.string(), "expected an empty or new folder, got one that " + found + ". Hint: " + hint);
}

/// Whether this class writes such files: "00017.png".
bool is_numbered_png(const fs::path& path) {
  const auto stem = path.stem().string();
  return path.extension() == ".png" && stem.size() >= 5 &&
         std::all_of(stem.begin(), stem.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The files of an earlier call. Errors: UserError if there is any other file, before anything is removed.
std::vector<fs::path> images_below(const fs::path& folder) {
  std::vector<fs::path> images;
  for (fs::recursive_directory_iterator entry(folder), end; entry != end; ++entry) {
    if (entry->is_directory() && !entry->is_symlink() && entry.depth() == 0) continue;
    if (!entry->is_regular_file() || entry->is_symlink() || !is_numbered_png(entry->path()))
      refuse(folder,
             "holds '" + fs::relative(entry->path(), folder).string() + "', which is no image of an earlier call",
             "choose another folder; --force replaces only images that this command wrote");
    images.push_back(entry->path());
  }
  return images;
}

void empty_folder(const fs::path& folder) {
  for (const auto& path : images_below(folder)) fs::remove(path);
  std::vector<fs::path> classes;
  for (const auto& entry : fs::directory_iterator(folder)) classes.push_back(entry.path());
  for (const auto& path : classes) fs::remove(path);  // empty now
}

}  // namespace

std::unique_ptr<ImageOutput> open_folder_output(const fs::path& target, OutputOptions options) {
  make_folder(target);
  std::error_code error;
  if (!fs::is_empty(target, error)) {
    if (error) refuse(target, "cannot be listed: " + error.message(), "choose another folder");
    remove_partial_files(target);
    if (options.replace)
      empty_folder(target);
    else
      refuse(target, "holds files", "choose another folder, or replace the images of an earlier call with --force");
  }
  return std::make_unique<FolderOutput>(target, options.class_names);
}

}  // namespace fqgan
