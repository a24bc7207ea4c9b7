// Fields, the reference's architecture tables (BigGAN-PyTorch, G_arch and D_arch) and the checks against the data.
#include "fqgan/models/biggan/options.h"

#include <algorithm>
#include <map>

#include "fqgan/losses/adversarial.h"
#include "fqgan/nn/initialise.h"

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

std::vector<int64_t> times(std::vector<int64_t> values, int64_t factor) {
  for (auto& value : values) value *= factor;
  return values;
}

int64_t halvings(const std::vector<bool>& downsample) { return std::count(downsample.begin(), downsample.end(), true); }

std::string size_text(int64_t height, int64_t width) { return std::to_string(height) + " x " + std::to_string(width); }

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
  visit("adam", adam, about("optimizer"));
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
  visit("adam", adam, about("optimizer"));
}

void BigGanAverageOptions::fields(FieldVisitor& visit) {
  visit("decay", decay, about("of the averaged generator, per iteration").at_least(0).at_most(1));
  visit("start", start, about("iterations before averaging begins").at_least(0));
  visit("ramp", ramp, about("decay_t = min(decay, (1 + t) / (10 + t))"));
  visit("standing_images", standing_images,
        about("images whose batch statistics sampling uses; 0: the stored running statistics").at_least(0));
}

void BigGanQuantizerOptions::fields(FieldVisitor& visit) {
  visit("taps", taps, about("discriminator taps ('block0', ...) with feature quantization; empty: none"));
  visit("shared_with", shared_with, about("those of the taps that use one dictionary; their widths must be equal"));
  FeatureQuantizerOptions::fields(visit);
}

void BigGanOptions::fields(FieldVisitor& visit) {
  visit("batch", batch, about("images per step, real and generated each").at_least(1).at_most(1 << 20));
  visit("accumulate", accumulate, about("batches whose gradients are averaged into one optimizer step").at_least(1));
  visit("conditional", conditional, about("use the classes, where the data has them"));
  visit("share_fakes", share_fakes,
        about("the last discriminator step and the generator step use one generated batch (saves a forward)"));
  visit("loss", loss, about("adversarial objective").one_of(adversarial_loss_names()));
  visit("initialisation", initialisation, about("of the weights").one_of(initialisation_styles()));
  visit("biases", biases, about("initial biases: as PyTorch's layers and the releases, or zero").one_of(bias_styles()));
  visit("spectral_epsilon", spectral_epsilon, about("least norm in the power iteration").more_than(0));
  visit("norm_epsilon", norm_epsilon, about("added to the variance in batch norm").more_than(0));
  visit("generator", generator, about("G"));
  visit("discriminator", discriminator, about("D"));
  visit("average", average, about("the averaged G, which sampling uses"));
  visit("quantizer", quantizer, about("feature quantization in D"));
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

namespace {

void check_attention(const std::string& key, const std::vector<int64_t>& wanted, std::vector<int64_t> sizes,
                     Problems& problems) {
  for (const auto size : wanted) {
    if (std::find(sizes.begin(), sizes.end(), size) != sizes.end()) continue;
    std::string text;
    for (const auto s : sizes) text += (text.empty() ? "" : ", ") + std::to_string(s);
    problems.add(key, "expected map sizes that occur (" + text + "), got " + std::to_string(size));
  }
}

void check_widths(const std::string& key, const std::vector<int64_t>& attention, const std::vector<int64_t>& sizes,
                  const std::vector<int64_t>& channels, Problems& problems) {
  for (size_t i = 0; i < sizes.size(); ++i)
    if (std::find(attention.begin(), attention.end(), sizes[i]) != attention.end() && channels[i] < 8)
      problems.add(key, "self-attention needs at least 8 channels; the map of " + std::to_string(sizes[i]) + " has " +
                            std::to_string(channels[i]));
}

void check_generator(const BigGanOptions& options, const BigGanPlan& plan, Problems& problems) {
  const auto blocks = static_cast<int64_t>(plan.generator.size()) - 1;
  if (blocks < 1)
    return problems.add("model.generator.multipliers",
                        "expected at least two entries, got " + std::to_string(plan.generator.size()));
  const auto factor = int64_t{1} << std::min<int64_t>(blocks, 30);
  if (plan.height % factor || plan.width % factor || plan.bottom_height < 2 || plan.bottom_width < 2)
    return problems.add("model.generator.multipliers",
                        std::to_string(blocks) + " blocks double the map " + std::to_string(blocks) +
                            " times, which does not fit images of " + size_text(plan.height, plan.width) +
                            ". Hint: the size must be a multiple of " + std::to_string(factor) +
                            " and at least twice that; fewer multipliers, or data.resolution");
  if (options.generator.hierarchical && plan.chunk < 1)
    problems.add("model.generator.latent", "a hierarchical latent has " + std::to_string(blocks + 1) +
                                               " parts, so at least that width, got " +
                                               std::to_string(options.generator.latent));
  if (options.generator.hierarchical && plan.classes && !options.generator.shared_embedding)
    problems.add("model.generator.shared_embedding",
                 "a hierarchical latent joins the class in one vector, which needs a shared embedding. Hint: 128");
  std::vector<int64_t> sizes, channels(plan.generator.begin() + 1, plan.generator.end());
  for (int64_t b = 1; b <= blocks; ++b) sizes.push_back(plan.bottom_height << b);
  check_attention("model.generator.attention", options.generator.attention, sizes, problems);
  check_widths("model.generator.attention", options.generator.attention, sizes, channels, problems);
}

/// widths: of the taps block0, block1, ...; known: their names, for the message.
void check_quantizer(const BigGanQuantizerOptions& options, const std::vector<int64_t>& widths,
                     const std::string& known, Problems& problems) {
  const auto count = [](const auto& list, const auto& name) { return std::count(list.begin(), list.end(), name); };
  std::optional<int64_t> shared_width;
  for (size_t b = 0; b < widths.size(); ++b) {
    const auto tap = "block" + std::to_string(b);
    if (!count(options.taps, tap) || !count(options.shared_with, tap)) continue;
    if (shared_width.value_or(widths[b]) != widths[b])
      problems.add("model.quantizer.shared_with", "one dictionary has one width, but '" + tap + "' has " +
                                                      std::to_string(widths[b]) + " channels and another tap " +
                                                      std::to_string(*shared_width));
    shared_width = widths[b];
  }
  for (const auto& tap : options.taps) {
    if (known.find("'" + tap + "'") == std::string::npos)
      problems.add("model.quantizer.taps", "there is no tap '" + tap + "'; this discriminator has " + known);
    if (count(options.taps, tap) > 1) problems.add("model.quantizer.taps", "'" + tap + "' is named twice");
  }
  for (const auto& tap : options.shared_with)
    if (!count(options.taps, tap))
      problems.add("model.quantizer.shared_with", "'" + tap + "' is not one of model.quantizer.taps");
}

void check_discriminator(const BigGanOptions& options, const BigGanPlan& plan, Problems& problems) {
  const auto blocks = plan.discriminator.size();
  if (blocks == 0) return problems.add("model.discriminator.multipliers", "expected at least one entry, got none");
  if (plan.downsample.size() != blocks)
    return problems.add("model.discriminator.downsample", "expected one entry for each of the " +
                                                              std::to_string(blocks) + " blocks, got " +
                                                              std::to_string(plan.downsample.size()));
  const auto factor = int64_t{1} << std::min<int64_t>(halvings(plan.downsample), 30);
  if (plan.height % factor || plan.width % factor)
    return problems.add("model.discriminator.downsample", "halving " + std::to_string(halvings(plan.downsample)) +
                                                              " times does not fit images of " +
                                                              size_text(plan.height, plan.width));
  std::vector<int64_t> sizes;
  std::string taps;
  for (size_t b = 0; b < blocks; ++b) {
    sizes.push_back((b ? sizes.back() : plan.height) / (plan.downsample[b] ? 2 : 1));
    taps += (b ? ", 'block" : "'block") + std::to_string(b) + "'";
  }
  check_attention("model.discriminator.attention", options.discriminator.attention, sizes, problems);
  check_widths("model.discriminator.attention", options.discriminator.attention, sizes, plan.discriminator, problems);
  check_quantizer(options.quantizer, plan.discriminator, taps, problems);
}

}  // namespace

void BigGanOptions::check(const DataInfo& data, Problems& problems) const {
  const auto plan = this->plan(data);
  const bool generator_known = !generator.multipliers.empty(), discriminator_known = !discriminator.multipliers.empty();
  if (!architecture_for(data.height, data.width) && !(generator_known && discriminator_known)) {
    problems.add("data.resolution",
                 "expected a size with a built-in architecture (height and width multiples of one "
                 "2^n, the shorter 4 to 7 times it, n = 1 to 7: 32, 48, 64, 96, 128, 256, ...), got " +
                     size_text(data.height, data.width) +
                     ". Hint: set data.resolution, or model.generator.multipliers, "
                     "model.discriminator.multipliers and model.discriminator.downsample");
    return;
  }
  check_generator(*this, plan, problems);
  check_discriminator(*this, plan, problems);
  if (plan.classes && data.unlabelled)
    problems.add("model.conditional", "expected a class for every image, found " + std::to_string(data.unlabelled) +
                                          " without one. Hint: data.part = \"labelled\", or model.conditional = false");
  if (batch > data.images)
    problems.add("model.batch", "expected at most the number of images (" + std::to_string(data.images) + "), got " +
                                    std::to_string(batch));
}

}  // namespace fqgan
