// The option fields, and the architecture tables of BigGAN-PyTorch (G_arch and D_arch).
#include "fqgan/models/biggan/options.h"

#include <algorithm>
#include <map>

#include "fqgan/losses/adversarial.h"
#include "fqgan/nn/initialise.h"
#include "fqgan/nn/weighted_layer.h"

namespace fqgan {
namespace {

struct Architecture {
  std::vector<int64_t> generator, discriminator;
  std::vector<bool> downsample;
};

/// The key is how often the generator doubles its first map, whose shorter side is 4 to 7 pixels. Entries 3 to 6 are
/// BigGAN-PyTorch's for 32 to 256 pixels, and 7 its generator's for 512; the others continue the pattern.
const std::map<int64_t, Architecture> architectures = {
    {1, {{4, 4}, {4, 4, 4}, {true, false, false}}},
    {2, {{4, 4, 4}, {4, 4, 4, 4}, {true, true, false, false}}},
    {3, {{4, 4, 4, 4}, {4, 4, 4, 4}, {true, true, false, false}}},
    {4, {{16, 16, 8, 4, 2}, {1, 2, 4, 8, 16}, {true, true, true, true, false}}},
    {5, {{16, 16, 8, 4, 2, 1}, {1, 2, 4, 8, 16, 16}, {true, true, true, true, true, false}}},
    {6, {{16, 16, 8, 8, 4, 2, 1}, {1, 2, 4, 8, 8, 16, 16}, {true, true, true, true, true, true, false}}},
    {7, {{16, 16, 8, 8, 4, 2, 1, 1}, {1, 1, 2, 4, 8, 8, 16, 16}, {true, true, true, true, true, true, true, false}}},
};

/// The built-in architecture for an image size, or null.
const Architecture* architecture_for(int64_t height, int64_t width) {
  for (const auto& [doublings, architecture] : architectures) {
    const auto factor = int64_t{1} << doublings, bottom = std::min(height, width) / factor;
    if (height % factor == 0 && width % factor == 0 && bottom >= 4 && bottom < 8) return &architecture;
  }
  return nullptr;
}

/// The layers' styles, and "glorot", BigGAN-PyTorch's other name of "xavier".
std::vector<std::string> initialisations() {
  auto styles = initialisation_styles();
  styles.insert(std::find(styles.begin(), styles.end(), "xavier"), "glorot");
  return styles;
}

std::vector<int64_t> times(std::vector<int64_t> values, int64_t factor) {
  for (auto& value : values) value *= factor;
  return values;
}

}  // namespace

void BigGanGeneratorOptions::fields(FieldVisitor& visit) {
  visit("width", width, about("base number of channels, which the multipliers scale").at_least(1).at_most(65536));
  visit("multipliers", multipliers,
        about("channels as multiples of width: the input of each block, then the last output; empty: BigGAN-PyTorch's "
              "for this image size")
            .at_least(1)
            .at_most(1024));
  visit("latent", latent, about("number of latent dimensions Z").at_least(1).at_most(65536));
  visit("hierarchical", hierarchical,
        about("split the latent into equal parts: the first makes the first map, and each block's batch norm is "
              "conditioned on one of the others"));
  visit("shared_embedding", shared_embedding,
        about("dimensions of the class embedding that all batch norms share; 0: each has its own embedding")
            .at_least(0)
            .at_most(65536));
  visit("attention", attention,
        about("self-attention after the blocks whose output has one of these heights (pixels)").at_least(2));
  visit("spectral_norm", spectral_norm, about("normalize the weights by their spectral norm"));
  visit("orthogonal", orthogonal,
        about("strength of the orthogonal regularization (0: off; the BigGAN paper: 1e-4)").at_least(0));
  GeneratorPlayerOptions::fields(visit);
}

void BigGanDiscriminatorOptions::fields(FieldVisitor& visit) {
  visit("width", width, about("base number of channels, which the multipliers scale").at_least(1).at_most(65536));
  visit("multipliers", multipliers,
        about("channels as multiples of width: the output of each block; empty: BigGAN-PyTorch's for this image size")
            .at_least(1)
            .at_most(1024));
  visit("downsample", downsample,
        about("for each block, whether it halves the map; empty: BigGAN-PyTorch's for this image size"));
  visit("attention", attention,
        about("self-attention after the blocks whose output has one of these heights (pixels)").at_least(2));
  visit("steps", steps, about("discriminator steps per generator step").at_least(1));
  visit("orthogonal", orthogonal, about("strength of the orthogonal regularization (0: off)").at_least(0));
  visit("gradient_penalty", gradient_penalty,
        about("weight of the gradient penalty of WGAN-GP (0: off; the paper: 10)").at_least(0));
  visit("input_noise", input_noise,
        about("standard deviation of the Gaussian noise that is added to the images, which are in [-1, 1] (0: off)")
            .at_least(0));
  visit("noise", noise,
        about("standard deviation of the Gaussian noise that is added to the features after every block (0: off)")
            .at_least(0));
  visit("weight_normalization", weight_normalization,
        about("normalization of the weights: by their spectral norm ('spectral'), by their length ('weight', with "
              "scales and biases set by the first batch), or 'none'")
            .one_of(weight_normalizations()));
  PlayerOptions::fields(visit);
}

void BigGanAverageOptions::fields(FieldVisitor& visit) {
  visit("decay", decay, about("decay of the averaged generator's weights per iteration").at_least(0).at_most(1));
  visit("start", start, about("iterations before averaging begins; until then the average is a copy").at_least(0));
  visit("ramp", ramp, about("average faster at first: the decay in iteration t is min(decay, (1 + t) / (10 + t))"));
  visit("standing_images", standing_images,
        about("generated images from which sampling computes the batch norm statistics; 0: use the running statistics "
              "of the training")
            .at_least(0));
}

void BigGanOptions::fields(FieldVisitor& visit) {
  visit("batch", batch, about("batch size: real images, and as many generated ones").at_least(1).at_most(1 << 20));
  visit("accumulate", accumulate,
        about("number of batches whose gradients are averaged into one optimizer step").at_least(1));
  visit("conditional", conditional, about("condition both networks on the class, if the data has classes"));
  visit("share_fakes", share_fakes,
        about("use one generated batch for the last discriminator step and the generator step (saves a forward pass)"));
  visit("loss", loss, about("adversarial loss").one_of(adversarial_loss_names()));
  visit(
      "initialisation", initialisation,
      about(
          "initial weights: orthogonal, normal with standard deviation 0.02, or Glorot's uniform (also called xavier)")
          .one_of(initialisations()));
  visit("biases", biases,
        about("initial biases: uniform as in PyTorch's layers and BigGAN-PyTorch, or zero").one_of(bias_styles()));
  visit("spectral_epsilon", spectral_epsilon,
        about("lower bound of the norms in the power iteration of spectral normalization").more_than(0));
  visit("norm_epsilon", norm_epsilon, about("constant added to the variance in batch norm").more_than(0));
  visit("generator", generator, about("the generator network"));
  visit("discriminator", discriminator, about("the discriminator network"));
  visit("average", average, about("the moving average of the generator, which sampling uses"));
  visit("quantizer", quantizer, about("feature quantization in the discriminator"));
  visit("feature_matching", feature_matching,
        about("feature matching: the generator matches the mean of the discriminator's features on real images"));
  visit("minibatch_discrimination", minibatch_discrimination,
        about("minibatch discrimination: the discriminator sees how similar the images of a batch are"));
  visit("label_smoothing", label_smoothing, about("targets of the discriminator, with loss = 'non_saturating'"));
}

bool built_in_architecture(int64_t height, int64_t width) { return architecture_for(height, width) != nullptr; }

std::string BigGanOptions::weight_style() const { return initialisation == "glorot" ? "xavier" : initialisation; }

std::vector<TapPoint> BigGanOptions::taps(const BigGanPlan& plan) const {
  std::vector<TapPoint> points;
  for (size_t b = 0; b < plan.discriminator.size(); ++b)
    points.push_back({"block" + std::to_string(b), plan.discriminator[b]});
  return points;
}

BigGanPlan BigGanOptions::plan(const DataInfo& data) const {
  BigGanPlan plan{};
  plan.channels = data.channels;
  plan.height = data.height;
  plan.width = data.width;
  plan.classes = conditional ? data.classes : 0;
  const auto* known = architecture_for(data.height, data.width);
  const auto reference = known ? *known : Architecture{};
  plan.generator = times(generator.multipliers.empty() ? reference.generator : generator.multipliers, generator.width);
  plan.discriminator = times(discriminator.multipliers.empty() ? reference.discriminator : discriminator.multipliers,
                             discriminator.width);
  plan.downsample = discriminator.downsample.empty() ? reference.downsample : discriminator.downsample;
  const auto factor = int64_t{1} << std::min<size_t>(plan.generator.size() - !plan.generator.empty(), 30);
  plan.bottom_height = data.height / factor;
  plan.bottom_width = data.width / factor;
  const auto parts = static_cast<int64_t>(plan.generator.size());  // one for each block, and one for the first map
  plan.chunk = generator.hierarchical && parts ? generator.latent / parts : 0;
  plan.latent = generator.hierarchical ? plan.chunk * parts : generator.latent;  // the remainder is dropped
  return plan;
}

}  // namespace fqgan
