// What can stand on a side of `fqgan evaluate`: images (whatever open_dataset opens), a run folder or a checkpoint
// (which generate theirs), or saved statistics.
#pragma once

#include "fqgan/data/opened_data.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/generated_images.h"
#include "fqgan/inference/generation_options.h"
#include "fqgan/inference/model.h"
#include "fqgan/metrics/evaluate.h"

namespace fqgan {

/// How the images of a run or checkpoint are made.
struct Generated {
  int64_t count = 0;
  uint64_t seed = 0;
  GenerationOptions options;
  std::string source;  // images that a translator starts from; "": those of its recipe
};

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
  std::optional<Measured> statistics;      // else one of these two
  std::shared_ptr<const Dataset> dataset;  // the images, or those that a translator starts from
  std::unique_ptr<Family> family;
  std::shared_ptr<OpenedData> data;          // of the data set, or of the family's recipe; null where neither is known
  std::optional<std::string> target_domain;  // of a translation set, into which a family translates
  std::function<std::unique_ptr<ImageSource>()> images;

  /// Errors: as fqgan/metrics/measured.h.
  Measured measure(FeatureExtractor& extractor, bool keep_features) const;
};

/// `data`: how images are brought to size; its path is not used.
Side open_side(NamedSide named, DataOptions data, const Generated& generated, const Numerics& numerics);

/// What a training's data are compared with: what belongs to them to test with, else they themselves.
/// domain: of a translation set.
Side side_of_training_data(std::shared_ptr<OpenedData> data, const std::optional<std::string>& domain = {});

/// For a family that translates images: the domains ("A", "B") of the data sets that a direction leads from and to.
struct Domains {
  std::optional<std::string> source, target;
};
Domains domains_of(const Family& family, const FamilyOptions& options, const std::string& direction);

/// The options of a recipe that say how images are brought to size and what their classes are called.
DataOptions fitting_of(const DataOptions& data);

}  // namespace fqgan
