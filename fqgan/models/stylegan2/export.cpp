#include "fqgan/models/stylegan2/export.h"

#include <nlohmann/json.hpp>

#include "fqgan/core/error.h"
#include "fqgan/ops/filtered_convolution.h"

namespace fqgan {
namespace {

using Json = nlohmann::json;
using Tensors = std::map<std::string, torch::Tensor>;

/// Every convolution but torgb has a filter of its own, and so has every block with a conv1.
Tensors with_filters(const Tensors& tensors) {
  const auto taps = torch::tensor(ops::style_gan_taps(), torch::kFloat);
  const auto filter = torch::outer(taps, taps);
  auto all = tensors;
  for (const auto& [name, tensor] : tensors) {
    constexpr std::string_view weight = ".weight", second = ".conv1";
    if (tensor.dim() != 4 || name.find("torgb") != name.npos) continue;
    const auto layer = name.substr(0, name.size() - weight.size());
    all[layer + ".resample_filter"] = filter;
    if (layer.ends_with(second)) all[layer.substr(0, layer.size() - second.size()) + ".resample_filter"] = filter;
  }
  return all;
}

StyleGan2Plan square_plan(const StyleGan2Options& options, const DataInfo& data) {
  const auto plan = options.plan(data);
  const auto& first = plan.levels.front();
  if (first.height != first.resolution || first.width != first.resolution)
    fail("--to", "expected square images whose size is a power of two, which NVIDIA's networks make, got a model of " +
                     std::to_string(data.height) + " x " + std::to_string(data.width) + " pixels");
  return plan;
}

Json common(const StyleGan2Plan& plan) {
  return {{"c_dim", plan.classes}, {"img_resolution", plan.height}, {"img_channels", plan.channels}};
}

/// Arguments of the synthesis, and of the discriminator.
Json widths(const StyleGan2Options& options, const StyleGan2Plan& plan) {
  int64_t base = 0;
  for (const auto& level : plan.levels) base = std::max(base, level.resolution * level.channels);
  return {{"channel_base", base},
          {"channel_max", options.channel_max},
          {"conv_clamp", options.clamp > 0 ? Json(options.clamp) : Json()},
          {"num_fp16_res", 0}};
}

}  // namespace

ForeignWeights export_stylegan2_generator(const Tensors& tensors, const StyleGan2Options& options,
                                          const DataInfo& data) {
  const auto plan = square_plan(options, data);
  const auto& mapping = options.generator.mapping;
  auto arguments = common(plan);
  arguments["z_dim"] = plan.latent;
  arguments["w_dim"] = plan.style;
  arguments["mapping_kwargs"] = {{"num_layers", mapping.layers},
                                 {"lr_multiplier", mapping.learning_rate_multiplier},
                                 {"w_avg_beta", mapping.average_decay}};
  arguments["synthesis_kwargs"] = widths(options, plan);
  return {"", with_filters(tensors), {{"class_name", "Generator"}, {"init_kwargs", arguments.dump()}}};
}

ForeignWeights export_stylegan2_discriminator(const Tensors& tensors, const StyleGan2Options& options,
                                              const DataInfo& data) {
  const auto plan = square_plan(options, data);
  const auto& own = options.discriminator;
  auto arguments = common(plan);
  arguments.update(widths(options, plan));
  arguments["architecture"] = own.architecture;
  arguments["mapping_kwargs"] = {{"num_layers", own.mapping_layers}};
  arguments["epilogue_kwargs"] = {{"mbstd_group_size", own.group}, {"mbstd_num_channels", own.group_channels}};
  auto kept = tensors;
  std::erase_if(kept, [](const auto& entry) { return entry.first.starts_with("taps."); });
  return {"", with_filters(kept), {{"class_name", "Discriminator"}, {"init_kwargs", arguments.dump()}}};
}

}  // namespace fqgan
