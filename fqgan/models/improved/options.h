// Options of the family "improved": semi-supervised learning with the networks of openai/improved-gan ("Improved
// Techniques for Training GANs", Salimans et al. 2016). The table [model] of a recipe with family = "improved".
#pragma once

#include "fqgan/models/family.h"
#include "fqgan/models/techniques/feature_matching.h"
#include "fqgan/models/techniques/feature_quantization.h"
#include "fqgan/models/techniques/label_smoothing.h"
#include "fqgan/models/techniques/minibatch_discrimination.h"
#include "fqgan/models/techniques/players.h"
#include "fqgan/models/techniques/taps.h"

namespace fqgan {

struct ImprovedGeneratorOptions : GeneratorPlayerOptions {
  ImprovedGeneratorOptions() : GeneratorPlayerOptions(AdamOptions{3e-3, 0.5}, 100) {}
  int64_t latent = 100;
  std::vector<int64_t> hidden;
  int64_t steps = 1;
  void fields(FieldVisitor& visit) override;
};

struct ImprovedDiscriminatorOptions : PlayerOptions {
  ImprovedDiscriminatorOptions() : PlayerOptions(AdamOptions{3e-3, 0.5}) {}
  std::vector<int64_t> hidden;
  double input_noise = 0.3, noise = 0.5;
  double input_dropout = 0, dropout = 0;
  int64_t initialise_on = 500;
  std::string initialise_from = "unlabelled";
  void fields(FieldVisitor& visit) override;
};

struct ImprovedAverageOptions : Options {
  double decay = 0.9999;
  bool corrected = true;
  void fields(FieldVisitor& visit) override;
};

struct ImprovedOptions : FamilyOptions {
  ImprovedOptions();
  std::string network = "dense";
  double unlabelled_weight = 1;
  ImprovedGeneratorOptions generator;
  ImprovedDiscriminatorOptions discriminator;
  QuantizationOptions quantizer;
  FeatureMatchingOptions feature_matching{1, 0};
  MinibatchDiscriminationOptions minibatch_discrimination;
  LabelSmoothingOptions label_smoothing;
  ImprovedAverageOptions average;

  bool dense() const { return network == "dense"; }
  /// `hidden`, or openai/improved-gan's values if it is empty.
  std::vector<int64_t> generator_hidden() const;
  std::vector<int64_t> discriminator_hidden() const;
  /// The discriminator's taps, in order.
  std::vector<TapPoint> taps() const;

  void fields(FieldVisitor& visit) override;
  std::vector<DatasetRequest> datasets() const override { return {{"train"}, labelled_images()}; }
  void check(const DataInfos& infos, Problems& problems) const override;

 protected:
  std::unique_ptr<Family> make(const DataInfos& infos, const Numerics& numerics, Streams& initial) const override;
};

}  // namespace fqgan
