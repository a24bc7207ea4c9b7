// Options of the StyleGAN2 family (Karras et al. 2020; settings as in NVlabs/stylegan2-ada-pytorch, train.py), with
// FQ-GAN's quantizers in the discriminator: the table [model] of a recipe with family = "stylegan2".
#pragma once

#include "fqgan/models/family.h"
#include "fqgan/models/techniques/adam_options.h"
#include "fqgan/models/techniques/feature_quantization.h"

namespace fqgan {

struct StyleGan2MappingOptions : Options {
  int64_t layers = 8;
  double learning_rate_multiplier = 0.01;
  double average_decay = 0.995;
  void fields(FieldVisitor& visit) override;
};

struct StyleGan2PathLengthOptions : Options {
  double weight = 2;
  int64_t interval = 4;
  double decay = 0.01;
  int64_t batch_fraction = 2;
  void fields(FieldVisitor& visit) override;
};

struct StyleGan2GeneratorOptions : Options {
  int64_t latent = 512;
  int64_t style = 512;
  StyleGan2MappingOptions mapping;
  double style_mixing = 0.9;
  StyleGan2PathLengthOptions path_length;
  AdamOptions adam;
  StyleGan2GeneratorOptions();
  void fields(FieldVisitor& visit) override;
};

struct StyleGan2R1Options : Options {
  std::optional<double> gamma;
  int64_t interval = 16;
  void fields(FieldVisitor& visit) override;
};

struct StyleGan2DiscriminatorOptions : Options {
  std::string architecture = "resnet";
  int64_t mapping_layers = 8;
  int64_t group = 4;
  int64_t group_channels = 1;
  int64_t frozen = 0;
  StyleGan2R1Options r1;
  AdamOptions adam;
  StyleGan2DiscriminatorOptions();
  void fields(FieldVisitor& visit) override;
};

struct StyleGan2AverageOptions : Options {
  std::optional<double> half_life;
  double ramp = 0.05;
  void fields(FieldVisitor& visit) override;
};

/// A map of the networks: its nominal resolution 4, 8, 16, ..., which names its blocks, its size and its channels.
struct StyleGan2Level {
  int64_t resolution, height, width, channels;
};

/// The shapes of the networks, for given data.
struct StyleGan2Plan {
  int64_t channels, height, width, classes;  // the images; classes = 0: unconditional
  std::vector<StyleGan2Level> levels;        // from the first map to the image
  int64_t latent, style;
  double gamma, half_life;  // as given, or by the size of the images; half_life in images
  /// How many rows of w the synthesis takes.
  int64_t rows() const { return 2 * static_cast<int64_t>(levels.size()); }
};

/// Whether images of this size can be made by doubling a first map of 4 to 7 pixels at least once.
bool has_first_map(int64_t height, int64_t width);

struct StyleGan2Options : FamilyOptions {
  StyleGan2Options() { batch = 32; }
  int64_t accumulate = 1;
  bool conditional = true;
  int64_t channel_base = 0;
  int64_t channel_max = 512;
  double clamp = 256;
  bool zero_gradients = true;
  StyleGan2GeneratorOptions generator;
  StyleGan2DiscriminatorOptions discriminator;
  StyleGan2AverageOptions average;
  QuantizationOptions quantizer;

  StyleGan2Plan plan(const DataInfo& data) const;
  /// The discriminator's taps: the output of each block, "b32", "b16", ..., named by the resolution of its input.
  static std::vector<TapPoint> taps(const StyleGan2Plan& plan);
  void fields(FieldVisitor& visit) override;
  void check(const DataInfos& infos, Problems& problems) const override;

 protected:
  std::unique_ptr<Family> make(const DataInfos& infos, const Numerics& numerics, Streams& initial) const override;
};

}  // namespace fqgan
