// One side of a comparison: the features of a stream of images, as input of the estimators.
#pragma once

#include <functional>
#include <optional>

#include "fqgan/data/dataset.h"
#include "fqgan/metrics/features.h"
#include "fqgan/metrics/moments.h"

namespace fqgan {

struct Measured {
  std::string name;                   // of the images, for messages
  std::string extractor;              // FeatureExtractor::name(); "": unknown, saved by another tool
  std::optional<int64_t> images = 0;  // N; unset: unknown, saved by another tool
  Moments moments;                    // of all features
  at::Tensor features;                // float32 N x D; undefined if only the moments were kept
  at::Tensor logits;                  // float32 N x classes; undefined if the extractor has none
  at::Tensor small;                   // uint8 N x 768, small_images(); undefined unless it was wanted
  at::Tensor labels;                  // int64 N, -1: no label; undefined if the features are
  at::Tensor steps;  // float64 N: distances of image pairs one step apart (path_length.h), or undefined
  std::vector<std::string> class_names;  // of the labels; empty: no labels
  double seconds = 0;                    // to extract the features; 0: nothing was extracted
};

/// "60", or "an unknown number".
std::string count_text(std::optional<int64_t> images);
/// "60 images", or "an unknown number of images".
std::string images_text(std::optional<int64_t> images);

struct MeasureOptions {
  std::string name;                                // of the images, for messages and errors
  std::vector<std::string> class_names;            // of the labels
  bool keep_features = true;                       // false: keep only the moments, which need little memory
  bool keep_logits = true;                         // with the features, if the extractor has logits
  bool keep_small = false;                         // with the features, the images at 16 x 16 pixels
  std::function<void(int64_t images)> progress{};  // called after each batch; may be empty
};

/// Reads `images` to the end. Gray images are repeated for an extractor of three channels. Images of mixed sizes are
/// resized one by one by an extractor that takes any size. Errors: UserError for no images, images that the extractor
/// does not take or of mixed sizes, features that are not finite.
Measured measure(ImageSource& images, FeatureExtractor& extractor, const MeasureOptions& options);

}  // namespace fqgan
