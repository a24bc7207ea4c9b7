// A folder with one PNG per image. Files are written without fsync, which would take minutes for fifty thousand images.
#include <fstream>

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
    std::ofstream file(path, std::ios::binary);
    file.write(png.data(), static_cast<std::streamsize>(png.size()));
    file.close();
    if (!file) fail_writing(path);
  }

 private:
  fs::path folder_;
};

}  // namespace

std::unique_ptr<ImageOutput> open_folder_output(const fs::path& target, OutputOptions options) {
  make_folder(target);
  std::error_code error;
  if (!fs::is_empty(target, error)) {
    fail(target.string(), "expected an empty or new folder, got one that " +
                              std::string(error ? "cannot be listed" : "holds files") +
                              ". Hint: choose another folder, or empty it first");
  }
  return std::make_unique<FolderOutput>(target, options.class_names);
}

}  // namespace fqgan
