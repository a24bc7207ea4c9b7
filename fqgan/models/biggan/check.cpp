// Options against the data: every impossible combination, with what would be possible.
#include <algorithm>

#include "fqgan/models/biggan/options.h"

namespace fqgan {
namespace {

int64_t halvings(const std::vector<bool>& downsample) { return std::count(downsample.begin(), downsample.end(), true); }

std::string size_text(int64_t height, int64_t width) { return std::to_string(height) + " x " + std::to_string(width); }

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

/// widths: of the taps block0, block1, ...; known: their names.
void check_quantizer(const BigGanQuantizerOptions& options, const std::vector<int64_t>& widths,
                     const std::vector<std::string>& known, Problems& problems) {
  const auto count = [](const auto& list, const auto& name) { return std::count(list.begin(), list.end(), name); };
  std::optional<int64_t> shared_width;
  for (size_t b = 0; b < widths.size(); ++b) {
    const auto& tap = known[b];
    if (!count(options.taps, tap) || !count(options.shared_with, tap)) continue;
    if (shared_width.value_or(widths[b]) != widths[b])
      problems.add("model.quantizer.shared_with", "one dictionary has one width, but '" + tap + "' has " +
                                                      std::to_string(widths[b]) + " channels and another tap " +
                                                      std::to_string(*shared_width));
    shared_width = widths[b];
  }
  for (const auto& tap : options.taps) {
    check_tap("model.quantizer.taps", tap, known, problems);
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
  for (size_t b = 0; b < blocks; ++b) sizes.push_back((b ? sizes.back() : plan.height) / (plan.downsample[b] ? 2 : 1));
  check_attention("model.discriminator.attention", options.discriminator.attention, sizes, problems);
  check_widths("model.discriminator.attention", options.discriminator.attention, sizes, plan.discriminator, problems);
  check_quantizer(options.quantizer, plan.discriminator, options.taps(plan), problems);
  options.feature_matching.check(options.taps(plan), problems);
}

void check_techniques(const BigGanOptions& options, Problems& problems) {
  if (options.label_smoothing.targets.smoothed() && options.loss != "non_saturating")
    problems.add("model.label_smoothing", "smoothed targets are those of a cross-entropy, which loss = '" +
                                              options.loss + "' has not. Hint: loss = \"non_saturating\"");
  if (options.generator.norm == "virtual_batch" && options.average.standing_images > 0)
    problems.add("model.average.standing_images",
                 "virtual batch normalization has its reference batch's statistics and no others. Hint: 0");
}

}  // namespace

void BigGanOptions::check(const DataInfo& data, Problems& problems) const {
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
  if (batch > data.images)
    problems.add("model.batch", "expected at most the number of images (" + std::to_string(data.images) + "), got " +
                                    std::to_string(batch));
}

}  // namespace fqgan
