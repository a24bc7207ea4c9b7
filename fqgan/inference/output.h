// Writes sampled images. The name of the target decides the format:
// - X.png: one grid.
// - X.webp: a film with one frame per image, if the caller offers films.
// - X.safetensors: `images`, float32 N x C x H x W in [-1, 1], and `labels`, int64 N.
// - X.zip, or any other name (a folder): one PNG per image. With classes there is one folder per class, named by it;
//   files are numbered over all classes, so that image 17 is 00017.png in any folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/images/webp_animation.h"
#include "fqgan/inference/sampler.h"
#include "fqgan/plot/grid.h"

namespace fqgan {

/// The file that marks a folder of sampled images. It is hidden, so that nobody reads it as a part of a data set.
inline constexpr char sample_marker[] = ".fqgan-sample";

struct OutputOptions {
  GridOptions grid;
  std::vector<std::string> class_names;            // empty: no classes
  std::optional<AnimationOptions> animation = {};  // of films; unset: X.webp is refused
  bool replace = false;  // whether images of an earlier call (sample_marker) are first removed
};

/// Takes images batch by batch; finish() completes the file. Without finish() an existing file is unchanged.
struct ImageOutput {
  virtual ~ImageOutput() = default;
  /// Errors: UserError (images of different shapes, too many for a grid), SystemError (disk full).
  virtual void add(const SampledImages& images) = 0;
  /// Errors: UserError (no images, wrong row labels), SystemError (disk full).
  virtual void finish() = 0;
};

/// ".png", ".webp" (if the caller offers films), ".zip" or ".safetensors"; "" for the name of a folder. Errors:
/// UserError for an unknown format ("X.jpg").
std::string output_ending(const std::string& target, bool films);

/// Makes the parent folders of the target. Errors: UserError for a target that cannot be written, a folder that is not
/// empty, an unknown format ("X.jpg").
std::unique_ptr<ImageOutput> open_output(const std::string& target, OutputOptions options);

}  // namespace fqgan
