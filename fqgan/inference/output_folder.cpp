// A folder with one PNG per image. Every file is complete, also after a kill; but files are written without fsync,
// which would take minutes for fifty thousand images. A folder is only replaced if it has the marker that is written
// first, because other folders contain numbered PNGs too.
#include <algorithm>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/partial_file.h"
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

bool is_plain_file(const fs::path& path) { return fs::is_regular_file(fs::symlink_status(path)); }

/// Whether this class writes files of this name: "00017.png".
bool is_numbered_png(const fs::path& path) {
  const auto stem = path.stem().string();
  return path.extension() == ".png" && stem.size() >= 5 &&
         std::all_of(stem.begin(), stem.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The files of an earlier call, without the marker. Errors: UserError if this class did not make the folder, or if
/// there is any other file.
std::vector<fs::path> files_of_earlier_call(const fs::path& folder) {
  const auto marker = folder / sample_marker;
  if (!is_plain_file(marker))
    refuse(folder, std::string("holds files and no '") + sample_marker + "', which marks the folders of fqgan sample",
           "choose another folder. If this one contains old samples only, remove it by hand");
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator entry(folder), end; entry != end; ++entry) {
    const auto& path = entry->path();
    if (path == marker || (entry->is_directory() && !entry->is_symlink() && entry.depth() == 0)) continue;
    if (!is_plain_file(path) || !(is_numbered_png(path) || is_left_behind(path)))
      refuse(folder, "holds '" + fs::relative(path, folder).string() + "', which is no image of an earlier call",
             "choose another folder; --force replaces only images that this command wrote");
    files.push_back(path);
  }
  return files;
}

void remove_earlier_call(const fs::path& folder) {
  for (const auto& path : files_of_earlier_call(folder)) fs::remove(path);
  std::vector<fs::path> classes;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory()) classes.push_back(entry.path());
  for (const auto& path : classes) fs::remove(path);  // empty now
}

}  // namespace

std::unique_ptr<ImageOutput> open_folder_output(const fs::path& target, OutputOptions options) {
  make_folder(target);
  std::error_code error;
  if (!fs::is_empty(target, error)) {
    if (error) refuse(target, "cannot be listed: " + error.message(), "choose another folder");
    if (!options.replace)
      refuse(target, "holds files", "choose another folder, or replace the images of an earlier call with --force");
    remove_earlier_call(target);
  }
  write_file_atomically(target / sample_marker, "fqgan sample made this folder and may replace its images.\n",
                        Sync::no);
  return std::make_unique<FolderOutput>(target, options.class_names);
}

}  // namespace fqgan
