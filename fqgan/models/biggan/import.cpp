#include "fqgan/models/biggan/import.h"

#include <regex>

#include "fqgan/core/error.h"
#include "fqgan/nn/weighted_layer.h"

namespace fqgan {
namespace {

/// Our tensor name -> theirs. The patterns are applied one after the other.
const std::vector<std::pair<std::regex, const char*>>& renamings() {
  static const std::vector<std::pair<std::regex, const char*>> table = {
      {std::regex("^block(\\d+)\\.norm(\\d)\\.(?:class|vector)_(gain|bias)\\."), "blocks.$1.0.bn$2.$3."},
      {std::regex("^block(\\d+)\\.norm(\\d)\\."), "blocks.$1.0.bn$2."},
      {std::regex("^block(\\d+)\\.shortcut\\."), "blocks.$1.0.conv_sc."},
      {std::regex("^block(\\d+)\\.conv"), "blocks.$1.0.conv"},
      {std::regex("^taps\\.block(\\d+)\\.codebook_sum$"), "blocks.$1.1.embed_avg"},
      {std::regex("^taps\\.block(\\d+)\\.codebook$"), "blocks.$1.1.embed"},
      {std::regex("^taps\\.block(\\d+)\\."), "blocks.$1.1."},
      {std::regex("^attention(\\d+)\\.gain$"), "blocks.$1.A.gamma"},
      {std::regex("^attention(\\d+)\\.query\\."), "blocks.$1.A.theta."},
      {std::regex("^attention(\\d+)\\.key\\."), "blocks.$1.A.phi."},
      {std::regex("^attention(\\d+)\\.value\\."), "blocks.$1.A.g."},
      {std::regex("^attention(\\d+)\\.output\\."), "blocks.$1.A.o."},
      {std::regex("^norm\\."), "output_layer.0."},
      {std::regex("^output\\."), "output_layer.2."},
      {std::regex("^projection\\."), "embed."},
      {std::regex("\\.u$"), ".u0"},
  };
  return table;
}

std::string foreign_name(std::string name, const ForeignWeights& weights) {
  for (const auto& [pattern, replacement] : renamings()) name = std::regex_replace(name, pattern, replacement);
  // Attention is the last module of its block, after the quantizer if there is one.
  if (const auto place = name.find(".A."); place != name.npos) {
    const auto block = name.substr(0, place);
    name.replace(place, 3, weights.tensors.count(block + ".2.gamma") ? ".2." : ".1.");
  }
  return name;
}

bool is_dictionary(const std::string& name) { return name.ends_with("codebook") || name.ends_with("codebook_sum"); }

/// Their tensor in our shape: they store dictionaries as D x K and spectral vectors as 1 x Co.
torch::Tensor converted(const std::string& name, const torch::Tensor& theirs) {
  if (is_dictionary(name)) return theirs.t();
  return name.ends_with(".u") && theirs.dim() == 2 ? theirs.flatten() : theirs;
}

/// With --mybn and --cross_replica a batch norm's statistics are in a submodule `bn`; here they are moved to the batch
/// norm itself. Standing statistics are sums there, over as many batches as the counter says.
ForeignWeights with_plain_norms(const ForeignWeights& weights) {
  static const std::regex nested("^(.*)\\.bn\\.(?:stored|running)_(mean|var)$");
  ForeignWeights plain{weights.file, {}, weights.metadata};
  for (const auto& [name, tensor] : weights.tensors) {
    std::smatch match;
    if (!std::regex_match(name, match, nested)) {
      plain.tensors.emplace(name, tensor);
      continue;
    }
    const auto renamed = match[1].str() + ".stored_" + match[2].str();
    const auto counter = weights.tensors.find(match[1].str() + ".bn.accumulation_counter");
    const double batches =
        counter == weights.tensors.end() ? 0 : counter->second.to(torch::kDouble).sum().item<double>();
    plain.tensors.emplace(weights.tensors.count(renamed) ? name : renamed, batches > 0 ? tensor / batches : tensor);
  }
  return plain;
}

/// Tensors that nothing reads: singular values, counters.
bool is_left_out(const std::string& name) {
  static const std::regex pattern("(^|\\.)sv\\d+$|accumulation_counter$|num_batches_tracked$");
  return std::regex_search(name, pattern);
}

}  // namespace

DataInfo data_of_biggan_generator(const ForeignWeights& generator, int64_t height, int64_t width) {
  const auto find = [&](const char* name) {
    const auto found = generator.tensors.find(name);
    return found == generator.tensors.end() ? torch::Tensor() : found->second;
  };
  const auto output = find("output_layer.2.weight"), shared = find("shared.weight"),
             own = find("blocks.0.0.bn1.gain.weight");
  if (!output.defined() || output.dim() != 4)
    fail(generator.file, "expected a generator of BigGAN-PyTorch, found no 'output_layer.2.weight'");
  DataInfo data;
  data.images = int64_t{1} << 40;  // unknown, and enough for any batch
  data.channels = output.size(0);
  data.height = height;
  data.width = width;
  data.classes = shared.defined() ? shared.size(0) : own.defined() ? own.size(0) : 0;
  for (int64_t k = 0; k < data.classes; ++k) data.class_names.push_back(std::to_string(k));
  return data;
}

void import_biggan(torch::nn::Module& network, const ForeignWeights& given) {
  const auto weights = with_plain_norms(given);
  ForeignNames names;
  names.name = [&](const std::string& ours) -> std::optional<std::string> {
    // Not in their files: a counter, which starts at zero, and v, which is computed from u and the weight.
    if (ours.ends_with("idle_updates") || ours.ends_with(".v")) return {};
    return foreign_name(ours, weights);
  };
  names.value = converted;
  names.unread = is_left_out;
  names.hint = "set model.generator, model.discriminator and model.quantizer as in the training of these weights";
  copy_foreign(weights, network, names);
  for (const auto& module : network.modules())
    if (auto* layer = dynamic_cast<WeightedLayer*>(module.get()); layer && layer->v.defined()) layer->recompute_v();
}

}  // namespace fqgan
