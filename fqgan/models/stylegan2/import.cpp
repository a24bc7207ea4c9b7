#include "fqgan/models/stylegan2/import.h"

#include <nlohmann/json.hpp>
#include <regex>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"
#include "fqgan/ops/filtered_convolution.h"

namespace fqgan {
namespace {

using Json = nlohmann::json;

const torch::Tensor& found(const ForeignWeights& weights, const std::string& name, int64_t dimensions,
                           const std::string& network) {
  const auto place = weights.tensors.find(name);
  const bool there = place != weights.tensors.end();
  if (!there || place->second.dim() != dimensions)
    fail(weights.file,
         "expected a " + network + " of stylegan2-ada-pytorch, found " +
             (there ? "'" + name + "' of shape " + shape_text(place->second.sizes()) : "no '" + name + "'") +
             ". Hint: python -m fqgan.convert network.pkl FOLDER");
  return place->second;
}

const torch::Tensor& of_generator(const ForeignWeights& weights, const std::string& name, int64_t dimensions) {
  return found(weights, name, dimensions, "generator");
}

bool has(const ForeignWeights& weights, const std::string& name) { return weights.tensors.count(name) > 0; }

/// The blocks' resolutions, in order.
std::vector<int64_t> resolutions(const ForeignWeights& generator) {
  static const std::regex pattern("^synthesis\\.b(\\d{1,6})\\.conv1\\.weight$");
  std::vector<int64_t> sizes;
  for (const auto& [name, tensor] : generator.tensors)
    if (std::smatch match; std::regex_match(name, match, pattern)) sizes.push_back(std::stoll(match[1]));
  std::sort(sizes.begin(), sizes.end());
  if (sizes.empty()) of_generator(generator, "synthesis.b4.conv1.weight", 4);
  return sizes;
}

std::string block(int64_t resolution) { return "synthesis.b" + std::to_string(resolution); }

/// The number of layers fc0, fc1, ... of the mapping network.
int64_t mapping_layers(const ForeignWeights& weights) {
  int64_t count = 0;
  while (has(weights, "mapping.fc" + std::to_string(count) + ".weight")) ++count;
  return count;
}

/// The arguments of the network's class; null if the file does not say.
Json arguments(const ForeignWeights& weights) {
  const auto text = weights.metadata.find("init_kwargs");
  if (text == weights.metadata.end()) return nullptr;
  const auto json = Json::parse(text->second, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) fail(weights.file, "expected a JSON object in the metadata 'init_kwargs', found another text");
  const auto flat = json.flatten();
  for (const auto& [path, value] : flat.items())
    if (path.ends_with("/activation") && value != "lrelu")
      fail(weights.file, "expected networks with leaky ReLU ('lrelu'), found " + path + " = " + value.dump());
  return json;
}

/// Requires that the arguments say of these sizes what the tensors show.
void check_sizes(const ForeignWeights& weights, const std::vector<std::pair<const char*, int64_t>>& shown) {
  const auto given = arguments(weights);
  if (!given.is_object()) return;
  for (const auto& [name, size] : shown)
    if (given.contains(name) && given.at(name) != size)
      fail(weights.file, std::string("expected metadata 'init_kwargs' with ") + name + " = " + std::to_string(size) +
                             ", as the tensors have, found " + given.at(name).dump());
}

/// A number of the arguments, in a table or beside it (stylegan3 has no table of the synthesis); null: none.
std::optional<double> number(const Json& arguments, const char* table, const char* name,
                             std::optional<double> otherwise, const std::string& file) {
  Json value;
  bool there = false;
  for (const auto& place : {arguments, arguments.value(table, Json::object())})
    if (place.is_object() && place.contains(name)) value = place.at(name), there = true;
  if (!there) return otherwise;
  if (value.is_null()) return {};
  if (!value.is_number()) fail(file, "expected a number for " + std::string(name) + " in the metadata 'init_kwargs'");
  return value.get<double>();
}

/// What no shape shows.
struct Settings {
  std::optional<double> generator_clamp, discriminator_clamp, learning_rate_multiplier, average_decay, group;
};

Settings settings_of(const ForeignNetworks& networks) {
  Settings s;
  const auto& file = networks.generator.file;
  if (const auto g = arguments(networks.generator); g.is_object()) {
    s.generator_clamp = number(g, "synthesis_kwargs", "conv_clamp", {}, file).value_or(0);
    s.learning_rate_multiplier = number(g, "mapping_kwargs", "lr_multiplier", 0.01, file);
    s.average_decay = number(g, "mapping_kwargs", "w_avg_beta", {}, file);
  }
  if (!networks.discriminator) return s;
  if (const auto d = arguments(*networks.discriminator); d.is_object()) {
    s.discriminator_clamp = number(d, "block_kwargs", "conv_clamp", {}, networks.discriminator->file).value_or(0);
    constexpr double whole_batch = 65536;
    s.group = number(d, "epilogue_kwargs", "mbstd_group_size", 4, networks.discriminator->file).value_or(whole_batch);
  }
  return s;
}

void set_discriminator(StyleGan2Options& options, const ForeignWeights& weights) {
  auto& d = options.discriminator;
  const auto& conv = found(weights, "b4.conv.weight", 4, "discriminator");
  d.group_channels = conv.size(1) - conv.size(0);
  const auto is_skip = [](const auto& entry) { return entry.first.ends_with(".skip.weight"); };
  d.architecture = std::any_of(weights.tensors.begin(), weights.tensors.end(), is_skip) ? "resnet" : "orig";
  if (has(weights, "mapping.fc0.weight")) d.mapping_layers = mapping_layers(weights);
}

/// The batch size must be a multiple of the group.
void fit_batch(StyleGan2Options& options) {
  const auto group = std::min(options.discriminator.group, options.batch);
  options.batch = (options.batch + group - 1) / group * group;
}

void check_filters(const ForeignWeights& weights) {
  const auto taps = torch::tensor(ops::style_gan_taps(), torch::kDouble);
  const auto expected = torch::outer(taps, taps);
  for (const auto& [name, tensor] : weights.tensors)
    if (name.ends_with("resample_filter") &&
        !(tensor.sizes() == expected.sizes() && at::allclose(tensor.to(torch::kDouble), expected, 1e-6, 1e-6)))
      fail(weights.file, "expected the resampling filter [1, 3, 3, 1], found another one in '" + name + "'");
}

}  // namespace

DataInfo data_of_stylegan2(const ForeignWeights& generator) {
  const auto last = block(resolutions(generator).back());
  const auto& noise = of_generator(generator, last + ".conv1.noise_const", 2);
  DataInfo data;
  data.images = int64_t{1} << 40;  // unknown, and enough for any batch
  data.channels = of_generator(generator, last + ".torgb.weight", 4).size(0);
  data.height = noise.size(0);
  data.width = noise.size(1);
  if (has(generator, "mapping.embed.weight")) data.classes = of_generator(generator, "mapping.embed.weight", 2).size(1);
  for (int64_t k = 0; k < data.classes; ++k) data.class_names.push_back(std::to_string(k));
  const auto style = of_generator(generator, "mapping.w_avg", 1).size(0);
  const auto inputs = of_generator(generator, "mapping.fc0.weight", 2).size(1);
  check_sizes(generator, {{"img_resolution", data.height},
                          {"img_channels", data.channels},
                          {"c_dim", data.classes},
                          {"w_dim", style},
                          {"z_dim", data.classes > 0 ? inputs - style : inputs}});
  return data;
}

void set_stylegan2_options(StyleGan2Options& options, const ForeignNetworks& networks) {
  const auto& weights = networks.generator;
  options.channel_base = options.channel_max = 0;
  for (const auto resolution : resolutions(weights)) {
    const auto channels = of_generator(weights, block(resolution) + ".conv1.weight", 4).size(0);
    options.channel_base = std::max(options.channel_base, channels * resolution);
    options.channel_max = std::max(options.channel_max, channels);
  }
  auto& g = options.generator;
  const auto& first = of_generator(weights, "mapping.fc0.weight", 2);
  g.style = of_generator(weights, "mapping.w_avg", 1).size(0);
  g.latent = first.size(1) - (has(weights, "mapping.embed.weight") ? g.style : 0);
  g.mapping.layers = mapping_layers(weights);
  if (networks.discriminator) set_discriminator(options, *networks.discriminator);

  const auto known = settings_of(networks);
  options.clamp = known.generator_clamp.value_or(known.discriminator_clamp.value_or(options.clamp));
  g.mapping.learning_rate_multiplier = known.learning_rate_multiplier.value_or(g.mapping.learning_rate_multiplier);
  g.mapping.average_decay = known.average_decay.value_or(g.mapping.average_decay);
  options.discriminator.group =
      static_cast<int64_t>(known.group.value_or(static_cast<double>(options.discriminator.group)));
  fit_batch(options);
  check_stylegan2_options(options, networks);
}

void check_stylegan2_options(const StyleGan2Options& options, const ForeignNetworks& networks) {
  const auto known = settings_of(networks);
  const auto check = [](const char* key, std::optional<double> expected, double given, const std::string& file) {
    if (expected && *expected != given)
      fail(key, "expected " + significant(*expected, 6) + ", as the metadata of " + file + " say, got " +
                    significant(given, 6));
  };
  const auto& g = networks.generator.file;
  check("model.clamp", known.generator_clamp, options.clamp, g);
  check("model.generator.mapping.learning_rate_multiplier", known.learning_rate_multiplier,
        options.generator.mapping.learning_rate_multiplier, g);
  if (!networks.discriminator) return;
  const auto& d = networks.discriminator->file;
  check("model.clamp", known.discriminator_clamp, options.clamp, d);
  check("model.discriminator.group", known.group, static_cast<double>(options.discriminator.group), d);
}

void import_stylegan2(torch::nn::Module& network, const ForeignWeights& weights) {
  check_filters(weights);
  ForeignNames names;
  names.name = [](const std::string& ours) -> std::optional<std::string> {
    if (ours.starts_with("taps.")) return {};  // a quantizer
    return ours;
  };
  names.value = [](const std::string&, const torch::Tensor& theirs) { return theirs; };
  names.unread = [](const std::string& theirs) { return theirs.ends_with("resample_filter"); };
  names.hint =
      "without --recipe the architecture is that of the weights, which must be StyleGAN2's with a 'skip' "
      "generator and a 'resnet' or 'orig' discriminator";
  copy_foreign(weights, network, names);
}

}  // namespace fqgan
