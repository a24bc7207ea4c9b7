#include "fqgan/inference/generated_images.h"

#include <algorithm>
#include <numeric>

#include "fqgan/plot/grid.h"

namespace fqgan {
namespace {

class GeneratedImages : public ImageSource {
 public:
  GeneratedImages(const Family& family, const SampleOptions& options, int64_t count)
      : sampler_(open_sampler(family, options)), count_(count) {}
  std::vector<Image> next(int64_t count) override {
    std::vector<Image> images;
    count = std::min(count, count_ - drawn_);
    if (count <= 0) return images;
    const auto batch = sampler_->next(count);
    const auto pixels = to_pixels(batch.pixels).permute({0, 2, 3, 1});
    for (int64_t i = 0; i < count; ++i) {
      images.push_back({pixels[i], std::nullopt, "generated image " + std::to_string(drawn_ + i)});
      if (batch.labels.defined()) images.back().label = batch.labels[i].item<int64_t>();
    }
    drawn_ += count;
    return images;
  }

 private:
  std::unique_ptr<Sampler> sampler_;
  int64_t count_, drawn_ = 0;
};

}  // namespace

SampleOptions with_classes(const Family& family, SampleOptions options) {
  if (options.labels.empty() && !options.latents.defined()) {
    options.labels.resize(static_cast<size_t>(family.drawn_classes()));
    std::iota(options.labels.begin(), options.labels.end(), 0);
  }
  return options;
}

std::vector<int64_t> images_of_classes(const Family& family, int64_t count) {
  const auto classes = family.drawn_classes();
  std::vector<int64_t> images(static_cast<size_t>(classes), count / classes);
  for (int64_t k = 0; k < count % classes; ++k) ++images[k];
  return images;
}

std::unique_ptr<ImageSource> generated_images(const Family& family, const SampleOptions& options, int64_t count) {
  return std::make_unique<GeneratedImages>(family, with_classes(family, options), count);
}

}  // namespace fqgan
