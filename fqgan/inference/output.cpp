// The table of outputs, and the checks that all of them share.
#include "fqgan/inference/output.h"

#include <algorithm>
#include <filesystem>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"
#include "fqgan/inference/output_kinds.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

struct OutputKind {
  const char* extension;
  std::unique_ptr<ImageOutput> (*open)(const fs::path& target, OutputOptions options);
};

constexpr OutputKind kinds[] = {
    {".png", open_grid_output},
    {".webp", open_animation_output},
    {".zip", open_zip_output},
    {".safetensors", open_tensor_output},
};

// Extensions of other image and archive files, which are refused as names of folders.
constexpr const char* not_folders[] = {".jpg", ".jpeg", ".webp", ".gif", ".npy", ".npz", ".pt", ".tar", ".gz"};

// Checks the input of the outputs, as output_kinds.h promises.
class CheckedOutput : public ImageOutput {
 public:
  CheckedOutput(std::string target, std::unique_ptr<ImageOutput> output)
      : target_(std::move(target)), output_(std::move(output)) {}

  void add(const SampledImages& images) override {
    FQGAN_CHECK(!finished_, "add() after finish()");
    check_shape(images.pixels, shape_, target_);
    const int64_t count = images.pixels.size(0);
    if (count == 0) return;
    if (shape_[1] == any) {
      shape_ = images.pixels.sizes().vec();
      shape_[0] = any;
      has_labels_ = images.labels.defined();
    }
    FQGAN_CHECK(images.labels.defined() == has_labels_, "some batches have labels and others have none");
    if (has_labels_) check_shape(images.labels, {count}, target_ + " labels");
    output_->add({images.pixels.detach().cpu(), has_labels_ ? images.labels.cpu() : images.labels});
  }

  void finish() override {
    FQGAN_CHECK(!finished_, "finish() twice");
    if (shape_[1] == any) fail(target_, "expected at least one image, got none");
    finished_ = true;
    output_->finish();
  }

 private:
  std::string target_;
  std::unique_ptr<ImageOutput> output_;
  std::vector<int64_t> shape_ = {any, any, any, any};  // of a batch; C, H and W are set by the first one
  bool has_labels_ = false, finished_ = false;
};

/// The kind of output that the name stands for; null: a folder.
const OutputKind* kind_of(const std::string& target, bool films) {
  const std::string extension = lower(fs::path(target).extension().string());
  for (const auto& kind : kinds)
    if (extension == kind.extension && (extension != ".webp" || films)) return &kind;
  if (std::find(std::begin(not_folders), std::end(not_folders), extension) != std::end(not_folders))
    fail(target, std::string("expected ") + (films ? "X.webp (a film), " : "") +
                     "X.png (a grid), X.zip, X.safetensors or a folder, got '" + extension +
                     (films ? "'" : "'. Hint: images are written as PNG"));
  return nullptr;
}

}  // namespace

std::string output_ending(const std::string& target, bool films) {
  const auto* kind = kind_of(target, films);
  return kind ? kind->extension : "";
}

std::unique_ptr<ImageOutput> open_output(const std::string& target, OutputOptions options) {
  if (target.empty()) fail("output", "expected a file or folder to write to, got an empty name");
  const auto* kind = kind_of(target, options.animation.has_value());
  if (!kind) return std::make_unique<CheckedOutput>(target, open_folder_output(target, std::move(options)));
  prepare_target(target);
  return std::make_unique<CheckedOutput>(target, kind->open(target, std::move(options)));
}

}  // namespace fqgan
