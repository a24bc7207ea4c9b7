#include "fqgan/models/stylegan2/options.h"

#include <algorithm>

namespace fqgan {
namespace {

constexpr int64_t smallest_first_map = 4;
constexpr int64_t largest_size = 1 << 20;

/// How often a first map of at least 4 pixels is doubled until it has the size of the images.
int64_t doublings(int64_t height, int64_t width) {
  int64_t count = 0;
  while (height % 2 == 0 && width % 2 == 0 && std::min(height, width) / 2 >= smallest_first_map) {
    height /= 2, width /= 2;
    ++count;
  }
  return count;
}

AdamOptions adam() {
  AdamOptions options(0.0025);
  options.beta2 = 0.99;
  return options;
}

}  // namespace

StyleGan2GeneratorOptions::StyleGan2GeneratorOptions() : adam(fqgan::adam()) {}
StyleGan2DiscriminatorOptions::StyleGan2DiscriminatorOptions() : adam(fqgan::adam()) {}

void StyleGan2MappingOptions::fields(FieldVisitor& visit) {
  visit("layers", layers, about("layers of the mapping network from z to w (the papers: 8)").at_least(1).at_most(64));
  visit("learning_rate_multiplier", learning_rate_multiplier,
        about("learning rate of the mapping network, relative to that of the synthesis").more_than(0).at_most(1));
  visit("average_decay", average_decay,
        about("decay of the moving average of w, towards which truncation moves").at_least(0).at_most(1));
}

void StyleGan2PathLengthOptions::fields(FieldVisitor& visit) {
  visit("weight", weight, about("weight of the path length regularization (0: off)").at_least(0));
  visit("interval", interval, about("iterations from one path length regularization to the next").at_least(1));
  visit("decay", decay, about("weight of a new length in the moving average of the lengths").more_than(0).at_most(1));
  visit("batch_fraction", batch_fraction,
        about("uses one of this many images of the batch, to save memory").at_least(1));
}

void StyleGan2GeneratorOptions::fields(FieldVisitor& visit) {
  visit("latent", latent, about("dimensions of z").at_least(1).at_most(65536));
  visit("style", style, about("dimensions of w").at_least(1).at_most(65536));
  visit("mapping", mapping, about("the mapping network from z to w"));
  visit("style_mixing", style_mixing,
        about("probability that the later layers take another w than the first ones (0: off)").at_least(0).at_most(1));
  visit("path_length", path_length, about("path length regularization"));
  visit("adam", adam, about("the Adam optimizer"));
}

void StyleGan2R1Options::fields(FieldVisitor& visit) {
  visit("gamma", gamma,
        about("weight of the gradient penalty on real images, R1; unset: 0.0002 times the pixels of an image, divided "
              "by the batch size")
            .at_least(0));
  visit("interval", interval, about("iterations from one gradient penalty to the next").at_least(1));
}

void StyleGan2DiscriminatorOptions::fields(FieldVisitor& visit) {
  visit("architecture", architecture,
        about("residual blocks ('resnet'), or blocks without a shortcut ('orig')").one_of({"resnet", "orig"}));
  visit("mapping_layers", mapping_layers,
        about("layers of the network that maps classes, in a conditional discriminator").at_least(1).at_most(64));
  visit("group", group, about("images in a group of the minibatch standard deviation").at_least(1).at_most(65536));
  visit("group_channels", group_channels,
        about("channels of the minibatch standard deviation (0: none)").at_least(0).at_most(64));
  visit("frozen", frozen,
        about("number of layers, counted from the image, that are not trained (for a training that starts from other "
              "weights)")
            .at_least(0)
            .at_most(64));
  visit("r1", r1, about("gradient penalty on real images"));
  visit("adam", adam, about("the Adam optimizer"));
}

void StyleGan2AverageOptions::fields(FieldVisitor& visit) {
  visit(
      "half_life", half_life,
      about("number of images after which earlier weights count half in the averaged generator; unset: the batch size "
            "times 312.5")
          .at_least(0));
  visit("ramp", ramp,
        about("the half-life is at most this fraction of the images seen so far (0: no limit)").at_least(0));
}

void StyleGan2Options::fields(FieldVisitor& visit) {
  visit("batch", batch, about("batch size: real images, and as many generated ones").at_least(1).at_most(1 << 20));
  visit("accumulate", accumulate,
        about("number of batches whose gradients are averaged into one optimizer step").at_least(1));
  visit("conditional", conditional, about("condition both networks on the class, if the data has classes"));
  visit("channel_base", channel_base,
        about("channels times resolution: a block at resolution r has min(channel_base / r, channel_max) channels; 0: "
              "16384 below 512 pixels, else 32768")
            .at_least(0)
            .at_most(1 << 24));
  visit("channel_max", channel_max, about("largest number of channels").at_least(1).at_most(65536));
  visit("clamp", clamp, about("activations are limited to [-clamp, clamp] (0: no limit)").at_least(0));
  visit("zero_gradients", zero_gradients,
        about("in the phases of the penalties, Adam sees a gradient of zero for parameters without a part in the "
              "penalty, as in stylegan2-ada-pytorch; false: it leaves them out, as in stylegan3 on a GPU"));
  visit("generator", generator, about("the generator: mapping and synthesis"));
  visit("discriminator", discriminator, about("the discriminator network"));
  visit("average", average, about("the moving average of the generator, which sampling uses"));
  visit("quantizer", quantizer, about("feature quantization in the discriminator"));
}

bool has_first_map(int64_t height, int64_t width) {
  const auto count = doublings(height, width);
  const auto factor = int64_t{1} << count;
  return count >= 1 && std::min(height, width) / factor < 2 * smallest_first_map &&
         std::max(height, width) <= largest_size;
}

StyleGan2Plan StyleGan2Options::plan(const DataInfo& data) const {
  StyleGan2Plan plan{};
  plan.channels = data.channels;
  plan.height = data.height;
  plan.width = data.width;
  plan.classes = conditional ? data.classes : 0;
  plan.latent = generator.latent;
  plan.style = generator.style;
  const auto count = doublings(data.height, data.width);
  const auto largest = smallest_first_map << count;  // nominal resolution of the image
  const auto base = channel_base > 0 ? channel_base : largest < 512 ? 16384 : 32768;
  for (int64_t level = 0; level <= count; ++level) {
    const auto resolution = smallest_first_map << level;
    plan.levels.push_back({resolution, data.height >> (count - level), data.width >> (count - level),
                           std::max<int64_t>(1, std::min(base / resolution, channel_max))});
  }
  const auto pixels = static_cast<double>(data.height * data.width), images = static_cast<double>(batch * accumulate);
  plan.gamma = discriminator.r1.gamma.value_or(0.0002 * pixels / images);
  plan.half_life = average.half_life.value_or(images * 10000 / 32);
  return plan;
}

std::vector<TapPoint> StyleGan2Options::taps(const StyleGan2Plan& plan) {
  std::vector<TapPoint> points;
  for (auto level = std::ssize(plan.levels) - 1; level > 0; --level)
    points.push_back({"b" + std::to_string(plan.levels[level].resolution), plan.levels[level - 1].channels});
  return points;
}

}  // namespace fqgan
