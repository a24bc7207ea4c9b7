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
  int64_t width = 64;                // channels are multiples of it
  std::vector<int64_t> multipliers;  // of the block inputs and the last output; empty: the reference's
  int64_t latent = 128;              // Z
  bool hierarchical = false;         // the latent in equal parts: one makes the first map, the others each a block
  int64_t shared_embedding = 0;      // width of one class embedding for all blocks; 0: each layer has its own
  std::vector<int64_t> attention;    // map sizes in pixels after which attention stands
  bool spectral_norm = true;
  double orthogonal = 0;  // strength of the orthogonal regularization
  void fields(FieldVisitor& visit) override;
};

struct BigGanDiscriminatorOptions : PlayerOptions {
  BigGanDiscriminatorOptions() : PlayerOptions(AdamOptions{2e-4}) {}
  int64_t width = 64;
  std::vector<int64_t> multipliers;  // of the blocks' outputs; empty: the reference's
  std::vector<bool> downsample;      // which blocks halve; empty: the reference's
  std::vector<int64_t> attention;
  int64_t steps = 4;            // D steps per G step
  double orthogonal = 0;        // strength of the orthogonal regularization
  double gradient_penalty = 0;  // weight of WGAN-GP's penalty
  double input_noise = 0;       // standard deviation, of images in [-1, 1]
  double noise = 0;             // standard deviation, after every block
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

/// What the networks look like once the data is known.
struct BigGanPlan {
  int64_t channels, height, width, classes;  // of the images; classes = 0: unconditional
  int64_t bottom_height, bottom_width;       // the generator's first map
  int64_t latent, chunk;                     // Z in use; what each block takes of it (0: not hierarchical)
  std::vector<int64_t> generator;            // channels: block inputs and the last output
  std::vector<int64_t> discriminator;        // channels of the blocks' outputs
  std::vector<bool> downsample;
};

/// Whether the families' default multipliers cover images of this size.
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

  /// Of the discriminator: one after each block.
  std::vector<TapPoint> taps(const BigGanPlan& plan) const;
  std::string weight_style() const;  // `initialisation` as the layers name it
  void fields(FieldVisitor& visit) override;
  void check(const DataInfos& infos, Problems& problems) const override;
  BigGanPlan plan(const DataInfo& data) const;

 protected:
  std::unique_ptr<Family> make(const DataInfos& infos, const Numerics& numerics, Streams& initial) const override;
};

}  // namespace fqgan
