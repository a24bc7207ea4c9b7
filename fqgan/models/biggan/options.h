// Options of the BigGAN family (Brock et al. 2019; FQ-GAN's BigGAN): the table [model] of a recipe with family =
// "biggan".
#pragma once

#include "fqgan/models/family.h"
#include "fqgan/models/techniques/feature_matching.h"
#include "fqgan/models/techniques/feature_quantization.h"
#include "fqgan/models/techniques/label_smoothing.h"
#include "fqgan/models/techniques/minibatch_discrimination.h"
#include "fqgan/models/techniques/players.h"
#include "fqgan/models/techniques/taps.h"

namespace fqgan {

struct BigGanGeneratorOptions : GeneratorPlayerOptions {
  BigGanGeneratorOptions() : GeneratorPlayerOptions(AdamOptions{2e-4}, 64) {}
  int64_t width = 64;
  std::vector<int64_t> multipliers;
  int64_t latent = 128;
  bool hierarchical = false;
  int64_t shared_embedding = 0;
  std::vector<int64_t> attention;
  bool spectral_norm = true;
  double orthogonal = 0;
  void fields(FieldVisitor& visit) override;
};

struct BigGanDiscriminatorOptions : PlayerOptions {
  BigGanDiscriminatorOptions() : PlayerOptions(AdamOptions{2e-4}) {}
  int64_t width = 64;
  std::vector<int64_t> multipliers;
  std::vector<bool> downsample;
  std::vector<int64_t> attention;
  int64_t steps = 4;
  double orthogonal = 0;
  double gradient_penalty = 0;
  double input_noise = 0;
  double noise = 0;
  std::string weight_normalization = "spectral";
  void fields(FieldVisitor& visit) override;
};

struct BigGanAverageOptions : Options {
  double decay = 0.9999;
  int64_t start = 1000;
  bool ramp = false;
  int64_t standing_images = 0;
  void fields(FieldVisitor& visit) override;
};

/// The shapes of the networks, for given data.
struct BigGanPlan {
  int64_t channels, height, width, classes;  // the images; classes = 0: unconditional
  int64_t bottom_height, bottom_width;       // size of the generator's first map
  int64_t latent, chunk;                     // Z in use; the width of one part (0: not hierarchical)
  std::vector<int64_t> generator;            // channels of the blocks' inputs, and of the last output
  std::vector<int64_t> discriminator;        // channels of the blocks' outputs
  std::vector<bool> downsample;
};

/// Whether there is a built-in architecture for images of this size.
bool built_in_architecture(int64_t height, int64_t width);

struct BigGanOptions : FamilyOptions {
  int64_t accumulate = 1;
  bool conditional = true;
  bool share_fakes = false;
  std::string loss = "hinge";
  std::string initialisation = "orthogonal";
  std::string biases = "uniform";
  double spectral_epsilon = 1e-8;
  double norm_epsilon = 1e-5;
  BigGanGeneratorOptions generator;
  BigGanDiscriminatorOptions discriminator;
  BigGanAverageOptions average;
  QuantizationOptions quantizer;
  FeatureMatchingOptions feature_matching{0, 1};
  MinibatchDiscriminationOptions minibatch_discrimination;
  LabelSmoothingOptions label_smoothing;

  /// The discriminator's taps: one after each block.
  std::vector<TapPoint> taps(const BigGanPlan& plan) const;
  std::string weight_style() const;  // `initialisation` as the layers name it
  void fields(FieldVisitor& visit) override;
  void check(const DataInfos& infos, Problems& problems) const override;
  BigGanPlan plan(const DataInfo& data) const;

 protected:
  std::unique_ptr<Family> make(const DataInfos& infos, const Numerics& numerics, Streams& initial) const override;
};

}  // namespace fqgan
