// Feature extractors. Metrics of different extractors cannot be compared, so that the name of every value has the
// extractor's name ("fid/classifier-1a2b3c4d"). An extractor takes images with pixels from 0 to 255, and does its own
// resizing and normalization.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"

namespace fqgan {

struct Extracted {
  at::Tensor features;  // float32 N x D, on the CPU
  at::Tensor logits;    // float32 N x classes, on the CPU; undefined if the extractor has none
};

struct ImageShape {
  int64_t channels = 0, height = 0, width = 0;
  bool operator==(const ImageShape&) const = default;
};
inline ImageShape shape_of(const DataInfo& info) { return {info.channels, info.height, info.width}; }
std::string shape_text(const ImageShape& shape);  // "1 x 28 x 28"

class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;
  virtual std::string name() const = 0;         // "classifier-1a2b3c4d", "file-1a2b3c4d": changes with the weights
  virtual std::string description() const = 0;  // one line for messages
  virtual int64_t channels() const = 0;         // of the input images
  /// The number of features; unset: only the first images tell.
  virtual std::optional<int64_t> dimension() const { return std::nullopt; }
  /// The number of logits, 0 for none; unset: only the first images tell.
  virtual std::optional<int64_t> logits() const { return std::nullopt; }
  /// The convention of metrics/conventions.h that it belongs to; "": none, so that every metric has its own defaults.
  virtual std::string convention() const { return ""; }
  /// The classes of the logits, in order; empty: unknown.
  virtual std::vector<std::string> class_names() const { return {}; }
  /// Floating-point operations for an image, after extract(); 0: unknown.
  virtual double operations() const { return 0; }
  /// Dataset::key() of the images that it was trained on; "": unknown, or of no data set.
  virtual std::string trained_on() const { return ""; }
  /// The bias of the last layer, which the inception score subtracts from the logits; undefined: none, or unknown.
  virtual at::Tensor logit_bias() const { return {}; }
  /// Whether it brings images of any size to its own, so that the images of a data set may have different sizes.
  virtual bool takes_any_size() const { return false; }
  /// Errors: UserError that starts with `where` for images that this extractor does not take. An extractor of three
  /// channels also takes gray and transparent images, as in_channels_of() converts them.
  virtual void check(const ImageShape& shape, const std::string& where) const;
  /// pixels: N x channels() x H x W on the CPU, channels_last in memory, N >= 1; uint8, or float32 from 0 to 255 where
  /// a change below one step of a byte counts. Logits may be left out where they are not wanted. Errors: UserError.
  virtual Extracted extract(const at::Tensor& pixels, bool wants_logits) = 0;
  /// The features whose squared difference is the distance of two nearly equal images, for the perceptual path length:
  /// the features as they are, unless the extractor has others for this. pixels: float32, as above. Errors: UserError,
  /// also for an extractor that rounds away small changes.
  virtual at::Tensor distance_features(const at::Tensor& pixels) { return extract(pixels, false).features; }
  /// The same features as extract() or, if compares_places(), as distance_features(), with gradients in the pixels.
  /// pixels: float32 N x channels() x H x W, from 0 to 255, on any device -> float32 N x D on the CPU. Errors:
  /// UserError for an extractor without gradients.
  virtual at::Tensor differentiable_features(const at::Tensor& pixels);
  /// Whether the squared difference of differentiable_features() compares images place by place, as LPIPS does.
  virtual bool compares_places() const { return false; }
};

/// Images with three channels: gray ones are repeated. Transparent ones are laid on black, the default of
/// data.background; under the convention of another tool they lose their alpha channel, as there. images: N x C x H x
/// W, uint8 or floats from 0 to 255.
at::Tensor in_rgb(const FeatureExtractor& extractor, const at::Tensor& images);
/// The same if the extractor takes images of three channels; else the images.
at::Tensor in_channels_of(const FeatureExtractor& extractor, const at::Tensor& images);
/// What in_channels_of() does to images of `channels`, for the log: "gray images, repeated to three channels for X".
/// Empty: nothing.
std::string conversion_text(const FeatureExtractor& extractor, int64_t channels);

}  // namespace fqgan
