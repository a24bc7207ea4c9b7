// X.webp: a film with one frame per image, repeated without end.
#include "fqgan/core/atomic_file.h"
#include "fqgan/inference/output_kinds.h"
#include "fqgan/plot/grid.h"

namespace fqgan {
namespace {

class AnimationOutput : public ImageOutput {
 public:
  AnimationOutput(std::filesystem::path target, const AnimationOptions& options)
      : target_(std::move(target)), animation_(options) {}

  void add(const SampledImages& images) override {
    const auto pixels = to_pixels(images.pixels);
    for (int64_t i = 0; i < pixels.size(0); ++i) animation_.add(pixels[i]);
  }

  void finish() override { write_file_atomically(target_, animation_.finish()); }

 private:
  std::filesystem::path target_;
  WebpAnimation animation_;
};

}  // namespace

std::unique_ptr<ImageOutput> open_animation_output(const std::filesystem::path& target, OutputOptions options) {
  return std::make_unique<AnimationOutput>(target, *options.animation);
}

}  // namespace fqgan
