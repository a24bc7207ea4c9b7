// Checks the options against the data: every impossible combination, with a hint to a possible one.
#include "fqgan/models/stylegan2/options.h"

namespace fqgan {
namespace {

std::string size_text(int64_t height, int64_t width) { return std::to_string(height) + " x " + std::to_string(width); }

/// The largest divisor of n that is at most `limit`.
int64_t divisor_below(int64_t n, int64_t limit) {
  auto divisor = std::min(n, limit);
  while (n % divisor) --divisor;
  return divisor;
}

void check_batch(const StyleGan2Options& o, Problems& problems) {
  const auto group = std::min(o.discriminator.group, o.batch);
  if (o.discriminator.group_channels > 0 && o.batch % group)
    problems.add("model.discriminator.group", "expected a divisor of the batch size " + std::to_string(o.batch) +
                                                  ", got " + std::to_string(o.discriminator.group) +
                                                  ". Hint: set it to " + std::to_string(divisor_below(o.batch, group)));
  if (o.generator.path_length.weight > 0 && o.batch < o.generator.path_length.batch_fraction)
    problems.add("model.generator.path_length.batch_fraction",
                 "expected at most the batch size " + std::to_string(o.batch) + ", got " +
                     std::to_string(o.generator.path_length.batch_fraction) + ". Hint: set it to 1");
}

void check_channels(const StyleGan2Options& o, const StyleGan2Plan& plan, Problems& problems) {
  const auto& last = plan.levels.back();
  if (o.channel_base > 0 && o.channel_base < last.resolution)
    problems.add("model.channel_base", "expected at least " + std::to_string(last.resolution) +
                                           ", which gives the last block one channel, got " +
                                           std::to_string(o.channel_base));
  const auto channels = plan.levels[0].channels;
  if (o.discriminator.group_channels > 0 && channels % o.discriminator.group_channels)
    problems.add("model.discriminator.group_channels",
                 "expected a divisor of the " + std::to_string(channels) + " channels of the last map, got " +
                     std::to_string(o.discriminator.group_channels) + ". Hint: set it to 1");
}

}  // namespace

void StyleGan2Options::check(const DataInfos& infos, Problems& problems) const {
  const auto& data = main_info(infos);
  if (!has_first_map(data.height, data.width)) {
    problems.add(
        "data.resolution",
        "expected a size that is a first map of 4 to 7 pixels along its shorter side, doubled at least once (8, "
        "10, 12, 14, 16, 20, ..., 32, 48, 64, 128, 256, ...), got " +
            size_text(data.height, data.width) + ". Hint: set data.resolution");
    return;
  }
  const auto plan = this->plan(data);
  check_batch(*this, problems);
  check_channels(*this, plan, problems);
  quantizer.check(taps(plan), problems);
  if (plan.classes && data.unlabelled)
    problems.add("model.conditional", "expected a class for every image, found " + std::to_string(data.unlabelled) +
                                          " without one. Hint: data.part = \"labelled\", or model.conditional = false");
}

}  // namespace fqgan
