// Fields and the reference's architecture tables (BigGAN-PyTorch, G_arch and D_arch).
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

/// By how often the generator doubles its first map, whose shorter side is 4 to 7 pixels. 3 to 6 are the reference's
/// for 32 to 256 pixels, and 7 its generator's for 512; the others are ours, in the same spirit.
const std::map<int64_t, Architecture> architectures = {
    {1, {{4, 4}, {4, 4, 4}, {true, false, false}}},
    {2, {{4, 4, 4}, {4, 4, 4, 4}, {true, true, false, false}}},
    {3, {{4, 4, 4, 4}, {4, 4, 4, 4}, {true, true, false, false}}},
    {4, {{16, 16, 8, 4, 2}, {1, 2, 4, 8, 16}, {true, true, true, true, false}}},
    {5, {{16, 16, 8, 4, 2, 1}, {1, 2, 4, 8, 16, 16}, {true, true, true, true, true, false}}},
    {6, {{16, 16, 8, 8, 4, 2, 1}, {1, 2, 4, 8, 8, 16, 16}, {true, true, true, true, true, true, false}}},
    {7, {{16, 16, 8, 8, 4, 2, 1, 1}, {1, 1, 2, 4, 8, 8, 16, 16}, {true, true, true, true, true, true, true, false}}},
};

/// The architecture for a size; null when there is none built in.
const Architecture* architecture_for(int64_t height, int64_t width) {
  for (const auto& [doublings, architecture] : architectures) {
    const auto factor = int64_t{1} << doublings, bottom = std::min(height, width) / factor;
    if (height % factor == 0 && width % factor == 0 && bottom >= 4 && bottom < 8) return &architecture;
  }
  return nullptr;
}

/// The layers' styles, and the name that the reference has beside "xavier".
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
  visit("width", width, about("channels are multiples of it").at_least(1).at_most(65536));
  visit("multipliers", multipliers,
        about("channels over width: each block's input, then the last output; empty: the reference's for this size")
            .at_least(1)
            .at_most(1024));
  visit("latent", latent, about("width Z of the latent").at_least(1).at_most(65536));
  visit("hierarchical", hierarchical,
        about("the latent in equal parts: one makes the first map, the others each go into a block's batch norm"));
  visit("shared_embedding", shared_embedding,
        about("width of one class embedding for all batch norms; 0: each has its own").at_least(0).at_most(65536));
  visit("attention", attention, about("map heights, in pixels, after which self-attention stands").at_least(2));
  visit("spectral_norm", spectral_norm, about("spectral normalization of the weights"));
  visit("orthogonal", orthogonal, about("strength of the orthogonal regularization; BigGAN: 1e-4").at_least(0));
  GeneratorPlayerOptions::fields(visit);
}

void BigGanDiscriminatorOptions::fields(FieldVisitor& visit) {
  visit("width", width, about("channels are multiples of it").at_least(1).at_most(65536));
  visit("multipliers", multipliers,
        about("channels over width: each block's output; empty: the reference's for this size")
            .at_least(1)
            .at_most(1024));
  visit("downsample", downsample, about("which blocks halve the map; empty: the reference's for this size"));
  visit("attention", attention, about("map heights, in pixels, after which self-attention stands").at_least(2));
  visit("steps", steps, about("discriminator steps per generator step").at_least(1));
  visit("orthogonal", orthogonal, about("strength of the orthogonal regularization").at_least(0));
  visit("gradient_penalty", gradient_penalty, about("weight of WGAN-GP's penalty; its paper: 10").at_least(0));
  visit("input_noise", input_noise,
        about("standard deviation of Gaussian noise on the images, in [-1, 1]").at_least(0));
  visit("noise", noise, about("standard deviation of Gaussian noise on the features, after every block").at_least(0));
  visit(
      "weight_normalization", weight_normalization,
      about("how its weights are normalized: spectral; weight: their length, scales and biases set by the first batch")
          .one_of(weight_normalizations()));
  PlayerOptions::fields(visit);
}

void BigGanAverageOptions::fields(FieldVisitor& visit) {
  visit("decay", decay, about("decay of the averaged generator per iteration").at_least(0).at_most(1));
  visit("start", start, about("iterations before averaging begins").at_least(0));
  visit("ramp", ramp, about("decay_t = min(decay, (1 + t) / (10 + t))"));
  visit("standing_images", standing_images,
        about("images whose batch statistics sampling uses; 0: the stored running statistics").at_least(0));
}

void BigGanOptions::fields(FieldVisitor& visit) {
  visit("batch", batch, about("images per step, real and generated each").at_least(1).at_most(1 << 20));
  visit("accumulate", accumulate, about("batches whose gradients are averaged into one optimizer step").at_least(1));
  visit("conditional", conditional, about("use the classes, where the data has them"));
  visit("share_fakes", share_fakes,
        about("the last discriminator step and the generator step use one generated batch (saves a forward)"));
  visit("loss", loss, about("adversarial objective").one_of(adversarial_loss_names()));
  visit("initialisation", initialisation,
        about("initial weights: orthogonal, N(0, 0.02), or Glorot's uniform, also called xavier")
            .one_of(initialisations()));
  visit("biases", biases, about("initial biases: as PyTorch's layers and the releases, or zero").one_of(bias_styles()));
  visit("spectral_epsilon", spectral_epsilon, about("least norm in the power iteration").more_than(0));
  visit("norm_epsilon", norm_epsilon, about("added to the variance in batch norm").more_than(0));
  visit("generator", generator, about("the generator network"));
  visit("discriminator", discriminator, about("the discriminator network"));
  visit("average", average, about("the moving average of the generator, which sampling uses"));
  visit("quantizer", quantizer, about("feature quantization in the discriminator"));
  visit("feature_matching", feature_matching,
        about("the generator also matches the mean of the discriminator's features"));
  visit("minibatch_discrimination", minibatch_discrimination,
        about("the discriminator sees how similar the images of a batch are"));
  visit("label_smoothing", label_smoothing, about("the discriminator's targets, with loss = 'non_saturating'"));
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
  const auto parts = static_cast<int64_t>(plan.generator.size());  // a block each, and the first map
  plan.chunk = generator.hierarchical && parts ? generator.latent / parts : 0;
  plan.latent = generator.hierarchical ? plan.chunk * parts : generator.latent;  // what does not divide is left out
  return plan;
}

}  // namespace fqgan
