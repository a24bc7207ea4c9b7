// What can stand on a side of `fqgan evaluate`: images (whatever open_dataset opens), a run folder or a checkpoint
// (which generate theirs), or saved statistics.
#pragma once

#include "fqgan/cli/checkpoints.h"
#include "fqgan/cli/recipe.h"
#include "fqgan/data/opened_data.h"
#include "fqgan/metrics/evaluate.h"
#include "fqgan/sampling/model.h"

namespace fqgan {

/// `count` images of a family's averages, classes in turn; image i is a function of the seed and i. `family` must
/// outlive it; its state is only read.
std::unique_ptr<ImageSource> generated_images(Family& family, int64_t count, uint64_t seed);

/// A path, looked at: one of `checkpoint` and `statistics` is set, or neither (images).
struct NamedSide {
  std::string path;
  std::optional<NamedCheckpoint> checkpoint;
  std::optional<Measured> statistics;
  std::unique_ptr<Recipe> recipe;  // of the checkpoint
};
/// Errors: UserError for a path that is not there, and for a safetensors file of another kind.
NamedSide look_at_side(const std::string& path);

struct Side {
  SideFacts facts;
  std::optional<Measured> statistics;  // else one of these two
  std::shared_ptr<const Dataset> dataset;
  std::unique_ptr<Family> family;
  std::shared_ptr<OpenedData> data;  // of the data set, or of the family's recipe; null where neither is known
  std::function<std::unique_ptr<ImageSource>()> images;

  /// Errors: as fqgan/metrics/measured.h.
  Measured measure(FeatureExtractor& extractor, bool keep_features) const;
};

/// `data`: how images are brought to size; its path is not used. `count`, `seed`: of generated images.
Side open_side(NamedSide named, DataOptions data, int64_t count, uint64_t seed, const Numerics& numerics);

/// What a training's data are compared with: what belongs to them to test with, else they themselves.
Side side_of_training_data(std::shared_ptr<OpenedData> data);

/// The options of a recipe that say how images are brought to size and what their classes are called.
DataOptions fitting_of(const DataOptions& data);

}  // namespace fqgan
