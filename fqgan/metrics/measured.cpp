#include "fqgan/metrics/measured.h"

#include <torch/torch.h>

#include <chrono>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/metrics/network_input.h"

namespace fqgan {
namespace {

constexpr int64_t measured_batch = 250;  // images per forward; fixed, because some convolutions' last bits depend on it

ImageShape shape_of(const Image& image) { return {image.pixels.size(2), image.pixels.size(0), image.pixels.size(1)}; }

/// N x C x H x W, channels_last.
at::Tensor stacked(const std::vector<Image>& batch, const ImageShape& shape, const std::string& where) {
  std::vector<at::Tensor> pixels;
  for (const auto& image : batch) {
    const auto own = shape_of(image);
    if (shape_text(own) != shape_text(shape))
      fail(where, "expected images of one size, got " + shape_text(shape) + " and, in " + image.name + ", " +
                      shape_text(own) + ". Hint: --set data.resolution=" + std::to_string(shape.height));
    pixels.push_back(image.pixels);
  }
  return at::stack(pixels).permute({0, 3, 1, 2});
}

}  // namespace

std::string count_text(std::optional<int64_t> images) { return images ? std::to_string(*images) : "an unknown number"; }

std::string images_text(std::optional<int64_t> images) {
  return count_text(images) + (images ? " images" : " of images");
}

Measured measure(ImageSource& images, FeatureExtractor& extractor, const MeasureOptions& options) {
  Measured side{options.name, extractor.name()};
  std::vector<at::Tensor> features, logits, small;
  std::vector<int64_t> labels;
  ImageShape shape;
  int64_t count = 0;
  for (auto batch = images.next(measured_batch); !batch.empty(); batch = images.next(measured_batch)) {
    if (count == 0) {
      shape = shape_of(batch.front());
      extractor.check(shape, options.name);
      if (shape.channels == 1 && extractor.channels() == 3)
        log_info(options.name + ": gray images, repeated to three channels for " + extractor.name());
    }
    const auto pixels = stacked(batch, shape, options.name)
                            .expand({-1, extractor.channels(), -1, -1})
                            .contiguous(at::MemoryFormat::ChannelsLast);
    const auto start = std::chrono::steady_clock::now();
    const auto extracted = extractor.extract(pixels, options.keep_features && options.keep_logits);
    side.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    side.moments.add(extracted.features);
    count += static_cast<int64_t>(batch.size());
    if (options.keep_features) {
      features.push_back(extracted.features);
      if (options.keep_small) small.push_back(small_images(pixels.expand({-1, 3, -1, -1})));
      if (options.keep_logits && extracted.logits.defined()) logits.push_back(extracted.logits);
      for (const auto& image : batch) labels.push_back(image.label.value_or(-1));
    }
    if (options.progress) options.progress(count);
  }
  side.images = count;
  if (count == 0) fail(options.name, "expected at least one image, found none");
  if (!options.keep_features) return side;
  side.features = at::cat(features);
  if (!logits.empty()) side.logits = at::cat(logits);
  if (!small.empty()) side.small = at::cat(small);
  side.labels = torch::tensor(labels);
  side.class_names = options.class_names;
  return side;
}

}  // namespace fqgan
