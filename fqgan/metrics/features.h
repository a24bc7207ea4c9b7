// Turns images into features. Values from two extractors cannot be compared, so every value carries the name of its
// extractor ("fid/classifier-1a2b3c4d"). An extractor takes uint8 images as they are stored; resizing and
// normalization belong to it.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <vector>

namespace fqgan {

struct Extracted {
  at::Tensor features;  // float32 N x D, on the CPU
  at::Tensor logits;    // float32 N x classes, on the CPU; undefined where the extractor has none
};

struct ImageShape {
  int64_t channels = 0, height = 0, width = 0;
};
std::string shape_text(const ImageShape& shape);  // "1 x 28 x 28"

class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;
  virtual std::string name() const = 0;         // "classifier-1a2b3c4d", "file-1a2b3c4d": changes with the weights
  virtual std::string description() const = 0;  // one line for people
  virtual int64_t channels() const = 0;         // of the images that it takes
  /// What the logits stand for, in order; empty: not known.
  virtual std::vector<std::string> class_names() const { return {}; }
  /// What the last layer adds to the logits and the inception score leaves out; undefined: nothing, or not known.
  virtual at::Tensor logit_bias() const { return {}; }
  /// Errors: UserError that starts with `where` for images that this extractor does not take. Gray images are taken by
  /// an extractor of three channels: measure() repeats them.
  virtual void check(const ImageShape& shape, const std::string& where) const;
  /// pixels: uint8 N x channels() x H x W on the CPU, channels_last in memory, N >= 1. Errors: UserError.
  virtual Extracted extract(const at::Tensor& pixels) = 0;
};

/// A classifier that was saved (.safetensors) or a TorchScript file. Errors: UserError for a file that is neither.
std::unique_ptr<FeatureExtractor> open_features(const std::string& path, c10::Device device);

}  // namespace fqgan
