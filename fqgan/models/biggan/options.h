// Options of the BigGAN family (Brock et al. 2019; FQ-GAN's BigGAN): the table [model] of a recipe with family =
// "biggan".
#pragma once

#include "fqgan/models/adam_options.h"
#include "fqgan/models/family.h"
#include "fqgan/models/techniques.h"
#include "fqgan/nn/feature_quantizer.h"

namespace fqgan {

struct BigGanGeneratorOptions : Options {
  int64_t width = 64;                // channels are multiples of it
  std::vector<int64_t> multipliers;  // of the block inputs and the last output; empty: the reference's
  int64_t latent = 128;              // Z
  bool hierarchical = false;         // the latent in equal parts: one makes the first map, the others each a block
  int64_t shared_embedding = 0;      // width of one class embedding for all blocks; 0: each layer has its own
  std::vector<int64_t> attention;    // map sizes in pixels after which attention stands
  bool spectral_norm = true;
  std::string norm = "batch";
  int64_t reference_batch = 64;     // images of virtual batch normalization's reference
  double orthogonal = 0;            // strength of the orthogonal regularization
  double historical_averaging = 0;  // strength
  AdamOptions adam{2e-4};
  void fields(FieldVisitor& visit) override;
};

struct BigGanDiscriminatorOptions : Options {
  int64_t width = 64;
  std::vector<int64_t> multipliers;  // of the blocks' outputs; empty: the reference's
  std::vector<bool> downsample;      // which blocks halve; empty: the reference's
  std::vector<int64_t> attention;
  int64_t steps = 4;            // D steps per G step
  double orthogonal = 0;        // strength of the orthogonal regularization
  double gradient_penalty = 0;  // weight of WGAN-GP's penalty
  double input_noise = 0;       // deviation, of images in [-1, 1]
  double noise = 0;             // deviation, after every block
  std::string weight_normalization = "spectral";
  double historical_averaging = 0;
  AdamOptions adam{2e-4};
  void fields(FieldVisitor& visit) override;
};

struct BigGanAverageOptions : Options {
  double decay = 0.9999;
  int64_t start = 1000;
  bool ramp = false;
  int64_t standing_images = 0;
  void fields(FieldVisitor& visit) override;
};

struct BigGanQuantizerOptions : FeatureQuantizerOptions {
  std::vector<std::string> taps;         // empty: no feature quantization
  std::vector<std::string> shared_with;  // those of them that use one dictionary
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
  BigGanQuantizerOptions quantizer;
  FeatureMatchingOptions feature_matching{0, 1};
  MinibatchDiscriminationOptions minibatch_discrimination;
  LabelSmoothingOptions label_smoothing;

  std::vector<std::string> taps(const BigGanPlan& plan) const;
  std::string weight_style() const;  // `initialisation` as the layers name it
  void fields(FieldVisitor& visit) override;
  void check(const DataInfos& infos, Problems& problems) const override;
  BigGanPlan plan(const DataInfo& data) const;

 protected:
  std::unique_ptr<Family> make(const DataInfos& infos, const Numerics& numerics, uint64_t seed) const override;
};

}  // namespace fqgan
