// Where sampled images go, by the name of the target:
//   X.png          one grid;            X.safetensors   tensor `images` float32 N x C x H x W in [-1, 1], `labels`
//   int64 N X.zip          a PNG an image;      anything else   a folder with a PNG an image
// Folders and zips with classes hold a folder a class, named by the class; files are numbered over all classes, so that
// image 17 is 00017.png wherever it stands.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/models/family.h"
#include "fqgan/plot/grid.h"

namespace fqgan {

struct OutputOptions {
  GridOptions grid;
  std::vector<std::string> class_names;  // empty: no classes
};

/// Takes images batch by batch; finish() completes the file. Without it nothing that was there before is lost.
struct ImageOutput {
  virtual ~ImageOutput() = default;
  /// Errors: UserError (images of another shape than the first, too many for a grid), SystemError (disk full).
  virtual void add(const Sampler::Images& images) = 0;
  /// Errors: UserError (no images, wrong row labels), SystemError (disk full).
  virtual void finish() = 0;
};

/// Makes the folders above the target. Errors: UserError for a target that cannot be written, a folder that is not
/// empty, a kind of file that this program does not write ("X.jpg").
std::unique_ptr<ImageOutput> open_output(const std::string& target, OutputOptions options);

}  // namespace fqgan
