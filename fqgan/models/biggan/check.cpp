// Checks the options against the data: every impossible combination, with a hint to a possible one.
#include <algorithm>

#include "fqgan/core/text.h"
#include "fqgan/models/biggan/options.h"

namespace fqgan {
namespace {

int64_t halvings(const std::vector<bool>& downsample) { return std::count(downsample.begin(), downsample.end(), true); }

std::string size_text(int64_t height, int64_t width) { return std::to_string(height) + " x " + std::to_string(width); }

/// The output of a block.
struct FeatureMap {
  int64_t height, width, channels;
};

void check_attention(const std::string& key, const std::vector<int64_t>& wanted, const std::vector<FeatureMap>& maps,
                     Problems& problems) {
  std::vector<std::string> heights;
  for (const auto& map : maps) heights.push_back(std::to_string(map.height));
  for (const auto size : wanted) {
    bool occurs = false;
    for (const auto& map : maps) {
      if (map.height != size) continue;
      occurs = true;
      const auto text = "the map of " + size_text(map.height, map.width);
      if (map.channels < 8)
        problems.add(key, "self-attention needs at least 8 channels; " + text + " has " + std::to_string(map.channels));
      if (map.height % 2 || map.width % 2)
        problems.add(key, "self-attention needs an even height and width, got " + text +
                              ". Hint: choose another size, or another data.resolution");
    }
    if (!occurs)
      problems.add(key, "expected heights of the blocks' outputs (" + join(heights) + "), got " + std::to_string(size));
  }
}

/// The first map of BigGAN's generators has 4 to 7 pixels along its shorter side, and the last map of its
/// discriminators at most 15. Widths that were written for smaller images leave larger maps, and so a network that
/// cannot work.
constexpr int64_t largest_first_map = 7, largest_last_map = 15;

template <class T>
std::string list_text(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T value : values)
    texts.push_back(std::is_same_v<T, bool> ? (value ? "true" : "false") : std::to_string(value));
  return "[" + join(texts) + "]";
}

std::vector<int64_t> divided(std::vector<int64_t> values, int64_t by) {
  for (auto& value : values) value /= by;
  return values;
}

/// "set it to [4, 2, 1], or " for a size that can be halved until 4 to 7 pixels are left; else "".
std::string fitting_multipliers(const BigGanOptions& options, const BigGanPlan& plan) {
  auto height = plan.height, width = plan.width;
  auto fitting = divided(plan.generator, options.generator.width);
  size_t maps = 1;
  for (; std::min(height, width) > largest_first_map; ++maps) {
    if (height % 2 || width % 2) return "";
    height /= 2, width /= 2;
  }
  if (maps < 2 || std::min(height, width) < 4) return "";
  while (fitting.size() > maps) fitting.erase(fitting.begin());
  while (fitting.size() < maps) fitting.insert(fitting.begin(), fitting.front());
  return "set it to " + list_text(fitting) + ", or ";
}

void check_first_map(const BigGanOptions& options, const BigGanPlan& plan, Problems& problems) {
  const auto smaller = std::min(plan.bottom_height, plan.bottom_width);
  if (smaller <= largest_first_map) return;
  auto fitting = divided(plan.generator, options.generator.width);
  for (auto side = smaller; side > largest_first_map; side /= 2) fitting.insert(fitting.begin(), fitting.front());
  problems.add("model.generator.multipliers", "expected a first map of 4 to 7 pixels, got one of " +
                                                  size_text(plan.bottom_height, plan.bottom_width) + " for images of " +
                                                  size_text(plan.height, plan.width) + ". Hint: set it to " +
                                                  list_text(fitting) + ", or to [] for BigGAN-PyTorch's network");
}

void check_last_map(const BigGanOptions& options, const FeatureMap& last, const BigGanPlan& plan, Problems& problems) {
  if (std::min(last.height, last.width) <= largest_last_map) return;
  auto multipliers = divided(plan.discriminator, options.discriminator.width);
  auto downsample = plan.downsample;
  for (auto side = std::min(last.height, last.width); side > largest_first_map; side /= 2) {
    multipliers.push_back(multipliers.back());
    downsample.insert(downsample.begin(), true);
  }
  problems.add("model.discriminator.downsample",
               "expected a last map of at most " + std::to_string(largest_last_map) + " pixels, got one of " +
                   size_text(last.height, last.width) + " for images of " + size_text(plan.height, plan.width) +
                   ". Hint: set it to " + list_text(downsample) + " and model.discriminator.multipliers to " +
                   list_text(multipliers) + ", or both to [] for BigGAN-PyTorch's network");
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
                            ". Hint: " + fitting_multipliers(options, plan) + "set data.resolution to a multiple of " +
                            std::to_string(factor) + " that is at least twice as large");
  check_first_map(options, plan, problems);
  if (options.generator.hierarchical && plan.chunk < 1)
    problems.add("model.generator.latent", "expected at least " + std::to_string(blocks + 1) +
                                               ", one dimension for each part of a hierarchical latent, got " +
                                               std::to_string(options.generator.latent));
  if (options.generator.hierarchical && plan.classes && !options.generator.shared_embedding)
    problems.add("model.generator.shared_embedding",
                 "a hierarchical latent needs a shared embedding of the classes. Hint: set it to 128");
  std::vector<FeatureMap> maps;
  for (int64_t b = 1; b <= blocks; ++b)
    maps.push_back({plan.bottom_height << b, plan.bottom_width << b, plan.generator[b]});
  check_attention("model.generator.attention", options.generator.attention, maps, problems);
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
  std::vector<FeatureMap> maps;
  for (size_t b = 0; b < blocks; ++b) {
    const auto before = b ? maps.back() : FeatureMap{plan.height, plan.width, plan.channels};
    const int64_t halved = plan.downsample[b] ? 2 : 1;
    maps.push_back({before.height / halved, before.width / halved, plan.discriminator[b]});
  }
  check_last_map(options, maps.back(), plan, problems);
  check_attention("model.discriminator.attention", options.discriminator.attention, maps, problems);
  options.quantizer.check(options.taps(plan), problems);
  options.feature_matching.check(names_of(options.taps(plan)), problems);
}

void check_techniques(const BigGanOptions& options, Problems& problems) {
  options.label_smoothing.check(problems);
  if (options.label_smoothing.targets.smoothed() && options.loss != "non_saturating")
    problems.add("model.label_smoothing", "label smoothing needs a cross-entropy loss, got loss = '" + options.loss +
                                              "'. Hint: set loss = \"non_saturating\"");
  const bool by_length = options.discriminator.weight_normalization == "weight";
  if (by_length && options.batch < 2)
    problems.add(
        "model.batch",
        "weight normalization is initialised from the standard deviation of a batch: expected at least 2 images, got " +
            std::to_string(options.batch));
  if (by_length && options.discriminator.orthogonal > 0)
    problems.add("model.discriminator.orthogonal",
                 "orthogonal regularization has no effect under weight normalization (it only rescales weights). Hint: "
                 "set it to 0");
  if (options.generator.norm == "virtual_batch" && options.average.standing_images > 0)
    problems.add("model.average.standing_images",
                 "virtual batch normalization always uses its reference batch's statistics. Hint: set it to 0");
}

}  // namespace

void BigGanOptions::check(const DataInfos& infos, Problems& problems) const {
  const auto& data = main_info(infos);
  const auto plan = this->plan(data);
  const bool generator_known = !generator.multipliers.empty(), discriminator_known = !discriminator.multipliers.empty();
  if (!built_in_architecture(data.height, data.width) && !(generator_known && discriminator_known)) {
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
  check_techniques(*this, problems);
  if (plan.classes && data.unlabelled)
    problems.add("model.conditional", "expected a class for every image, found " + std::to_string(data.unlabelled) +
                                          " without one. Hint: data.part = \"labelled\", or model.conditional = false");
}

}  // namespace fqgan
