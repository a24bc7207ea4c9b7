// One side of a comparison: the features of a stream of images, as the estimators take them. Also its file: the moments
// alone, which is all that a Frechet distance needs.
#pragma once

#include <functional>

#include "fqgan/data/dataset.h"
#include "fqgan/metrics/features.h"
#include "fqgan/metrics/moments.h"

namespace fqgan {

struct Measured {
  std::string name;                      // for people: where the images come from
  std::string extractor;                 // FeatureExtractor::name()
  int64_t images = 0;                    // N
  Moments moments;                       // of all features
  at::Tensor features;                   // float32 N x D; undefined where only moments were kept
  at::Tensor logits;                     // float32 N x classes; undefined where the extractor has none
  at::Tensor labels;                     // int64 N, -1 for none; undefined where features are
  std::vector<std::string> class_names;  // of the labels; empty: there are none
};

struct MeasureOptions {
  std::string name;                                // of the images, for people and for errors
  std::vector<std::string> class_names;            // of the labels
  bool keep_features = true;                       // false: only the moments, which need no memory
  std::function<void(int64_t images)> progress{};  // called after each batch; may be empty
};

/// Reads `images` to its end. Gray images are repeated for an extractor of three channels. Errors: UserError for no
/// images, images of another size or channels than the extractor takes or of mixed sizes, features that are not finite.
Measured measure(ImageSource& images, FeatureExtractor& extractor, const MeasureOptions& options);

/// safetensors: count, mean, scatter; metadata kind = "statistics", extractor, name.
void save_statistics(const std::string& path, const Measured& measured);
/// Errors: UserError for another kind of file.
Measured load_statistics(const std::string& path);

}  // namespace fqgan
