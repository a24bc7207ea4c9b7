#include "fqgan/metrics/measured.h"

#include <torch/torch.h>

#include <chrono>
#include <map>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/metrics/network_input.h"

namespace fqgan {
namespace {

constexpr int64_t measured_batch = 250;  // images per forward; fixed, because some convolutions' last bits depend on it

ImageShape shape_of(const Image& image) { return {image.pixels.size(2), image.pixels.size(0), image.pixels.size(1)}; }

/// The images of a batch that have the same size, in the order of the batch.
struct SameSize {
  std::vector<int64_t> rows;  // in the batch
  std::vector<at::Tensor> pixels;

  /// N x C x H x W.
  at::Tensor stacked() const { return at::stack(pixels).permute({0, 3, 1, 2}); }
};

std::vector<SameSize> by_size(const std::vector<Image>& batch) {
  std::vector<SameSize> groups;
  std::map<std::pair<int64_t, int64_t>, size_t> known;
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto shape = shape_of(batch[i]);
    const auto [at, is_new] = known.emplace(std::pair(shape.height, shape.width), groups.size());
    if (is_new) groups.emplace_back();
    groups[at->second].rows.push_back(static_cast<int64_t>(i));
    groups[at->second].pixels.push_back(batch[i].pixels);
  }
  return groups;
}

/// Brings the rows of the groups into the order of the batch.
at::Tensor in_order_of_batch(const std::vector<at::Tensor>& parts, const std::vector<SameSize>& groups) {
  if (parts.empty() || groups.size() == 1) return parts.empty() ? at::Tensor() : parts.front();
  std::vector<int64_t> rows;
  for (const auto& group : groups) rows.insert(rows.end(), group.rows.begin(), group.rows.end());
  const auto together = at::cat(parts);
  return at::empty_like(together).index_copy_(0, torch::tensor(rows), together);
}

/// While it exists, convolutions on a GPU do not round their factors to 10 bits (TF32): kept features are shared with
/// the CPU, and the network is no faster with it.
class ExactConvolutions {
 public:
  ExactConvolutions() : before_(at::globalContext().allowTF32CuDNN()) { at::globalContext().setAllowTF32CuDNN(false); }
  ~ExactConvolutions() { at::globalContext().setAllowTF32CuDNN(before_); }
  ExactConvolutions(const ExactConvolutions&) = delete;
  ExactConvolutions& operator=(const ExactConvolutions&) = delete;

 private:
  bool before_;
};

struct MeasuredBatch {
  Extracted extracted;
  at::Tensor small;
};

MeasuredBatch measure_batch(const std::vector<Image>& batch, FeatureExtractor& extractor, const MeasureOptions& options,
                            double& seconds) {
  const ExactConvolutions exact;
  const auto groups = by_size(batch);
  std::vector<at::Tensor> features, logits, small;
  for (const auto& group : groups) {
    const auto images = group.stacked();
    const auto pixels = in_channels_of(extractor, images).contiguous(at::MemoryFormat::ChannelsLast);
    const auto start = std::chrono::steady_clock::now();
    const auto extracted = extractor.extract(pixels, options.keep_features && options.keep_logits);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    features.push_back(extracted.features);
    if (extracted.logits.defined()) logits.push_back(extracted.logits);
    if (options.keep_features && options.keep_small) small.push_back(small_images(in_rgb(extractor, images)));
  }
  return {{in_order_of_batch(features, groups), in_order_of_batch(logits, groups)}, in_order_of_batch(small, groups)};
}

/// Refuses images of another size than the first one's, unless the extractor takes any size.
void check_sizes(const std::vector<Image>& batch, const ImageShape& first, const FeatureExtractor& extractor,
                 const std::string& where) {
  for (const auto& image : batch) {
    const auto own = shape_of(image);
    if (own == first) continue;
    if (own.channels == first.channels && extractor.takes_any_size())
      extractor.check(own, where);
    else
      fail(where, "expected images of one size, got " + shape_text(first) + " and, in " + image.name + ", " +
                      shape_text(own) + ". Hint: --set data.resolution=" + std::to_string(first.height));
  }
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
      if (const auto conversion = conversion_text(extractor, shape.channels); !conversion.empty())
        log_info_once(options.name + ": " + conversion);
    }
    check_sizes(batch, shape, extractor, options.name);
    const auto found = measure_batch(batch, extractor, options, side.seconds);
    side.moments.add(found.extracted.features);
    count += static_cast<int64_t>(batch.size());
    if (options.keep_features) {
      features.push_back(found.extracted.features);
      if (found.small.defined()) small.push_back(found.small);
      if (options.keep_logits && found.extracted.logits.defined()) logits.push_back(found.extracted.logits);
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
