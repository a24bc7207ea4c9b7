// A side of `fqgan evaluate`, or the training images: images (all that open_dataset opens), a run folder or a
// checkpoint (which generate images), or saved statistics.
#pragma once

#include "fqgan/data/opened_data.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/generated_images.h"
#include "fqgan/inference/generation_options.h"
#include "fqgan/inference/model.h"
#include "fqgan/metrics/evaluate.h"
#include "fqgan/metrics/feature_cache.h"

namespace fqgan {

/// How the images of a run or checkpoint are generated.
struct Generated {
  int64_t count = 0;
  uint64_t seed = 0;
  GenerationOptions options;
  std::string source;  // source images of a translator; "": from its recipe
};

/// The kind of a path: `checkpoint` or `statistics` is set, or neither (images).
struct NamedSide {
  std::string path;
  std::optional<NamedCheckpoint> checkpoint;
  std::optional<Measured> statistics;
  std::unique_ptr<Recipe> recipe;  // of the checkpoint
};
/// Errors: UserError for a missing path, a safetensors file of another kind, and damaged statistics.
NamedSide look_at_side(const std::string& path);

/// A view that is opened when its images are first read: features that were measured before need no image.
class LazyView {
 public:
  LazyView(std::shared_ptr<OpenedData> data, View which) : data_(std::move(data)), which_(std::move(which)) {}
  /// Errors: as OpenedData::view.
  const Dataset& get() {
    if (!dataset_) dataset_ = data_->view(which_);
    return *dataset_;
  }
  bool is_open() const { return dataset_ != nullptr; }

 private:
  std::shared_ptr<OpenedData> data_;
  View which_;
  std::shared_ptr<const Dataset> dataset_;
};

struct Side {
  SideFacts facts;
  std::optional<Measured> statistics;
  std::shared_ptr<LazyView> dataset;      // null: no images of a data set
  std::shared_ptr<const Dataset> source;  // source images of a translator, or null
  KnownData read;                         // of `dataset`
  bool labelled = false;                  // whether `data` has labels to train a classifier on
  std::unique_ptr<Family> family;
  std::shared_ptr<OpenedData> data;          // of the data set, or of the family's recipe; null: unknown
  std::optional<std::string> target_domain;  // of a translation set: the domain into which the family translates
  /// Generated images have the seed `Generated::seed + repetition`; for others the repetition is 0.
  std::function<std::unique_ptr<ImageSource>(uint64_t repetition)> images;
  /// Measured::steps; empty if no generator draws the images from latents.
  std::function<at::Tensor(FeatureExtractor&, const PathLengthOptions&, uint64_t repetition)> steps;

  struct Kept {
    bool features, logits, small;              // small: Measured::small
    const PathLengthOptions* steps = nullptr;  // set: measures `steps` too
    bool images = true;                        // false: measures `steps` only
  };
  /// Errors: as fqgan/metrics/measured.h.
  Measured measure(FeatureExtractor& extractor, const Kept& keep, uint64_t repetition = 0) const;

 private:
  Measured measure_images(FeatureExtractor& extractor, const Kept& keep, uint64_t repetition) const;
  void report_changes(const FeatureExtractor& extractor) const;
};

/// What these metrics need of the generated images, and of each other side.
Side::Kept kept_of_generated(const std::vector<std::string>& metrics, const MetricOptions& settings);
Side::Kept kept_of_real(const std::vector<std::string>& metrics, const MetricOptions& settings);

/// Whether a classifier can be trained on the data of a training with `info`. With data.labels = false, the training
/// did not look for labels, so that there may be some.
bool may_have_labels(const DataInfo& info, const DataOptions& data);

/// `data`: the options for reading images; its path is not used. own_sizes: whether images of mixed sizes keep them
/// (View), so that the feature extractor resizes each.
Side open_side(NamedSide named, DataOptions data, const Generated& generated, const Numerics& numerics,
               bool own_sizes = false);

/// The reference images of a training: its test images if there are any, else the training images. domain: of a
/// translation set.
Side side_of_training_data(std::shared_ptr<OpenedData> data, const std::optional<std::string>& domain = {});

/// The images that a training learns from, as its recipe reads them. domain: of a translation set.
Side side_of_training_images(std::shared_ptr<OpenedData> data, const std::optional<std::string>& domain = {});

/// The domains ("A", "B") of a direction's source and target, for a family that translates images.
struct Domains {
  std::optional<std::string> source, target;
};
Domains domains_of(const Family& family, const FamilyOptions& options, const std::string& direction);

/// Only those options of a recipe that describe the size of images and the names of classes.
DataOptions fitting_of(const DataOptions& data);

}  // namespace fqgan
