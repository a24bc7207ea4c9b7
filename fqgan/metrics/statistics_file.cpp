#include "fqgan/metrics/statistics_file.h"

#include <torch/torch.h>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/npz.h"

namespace fqgan {
namespace {

constexpr const char *statistics_kind = "statistics", *mean_name = "mu", *covariance_name = "sigma",
                     *extractor_name = "convention", *count_name = "count";

void save_npz(const std::string& path, const Measured& measured) {
  NpzArrays arrays;
  arrays[mean_name].numbers = measured.moments.mean();
  arrays[covariance_name].numbers = measured.moments.covariance();
  if (!measured.extractor.empty()) arrays[extractor_name].text = measured.extractor;
  if (measured.images) arrays[count_name].numbers = torch::scalar_tensor(*measured.images, torch::kLong);
  write_npz(path, arrays);
}

const at::Tensor& numbers_named(const NpzArrays& arrays, const char* name, const std::string& path) {
  const auto found = arrays.find(name);
  if (found == arrays.end() || !found->second.numbers.defined())
    fail(path, std::string("expected statistics with the arrays mu and sigma, found no numbers named ") + name +
                   ". Hint: pytorch-fid --save-stats and fqgan evaluate --save-statistics write such files");
  return found->second.numbers;
}

Measured load_npz(const std::string& path) {
  const auto arrays = read_npz(path, {mean_name, covariance_name, extractor_name, count_name});
  Measured side{path, "", std::nullopt};
  if (const auto named = arrays.find(extractor_name); named != arrays.end()) {
    if (named->second.numbers.defined())
      fail(path, "expected the name of a feature extractor as convention, got numbers");
    side.extractor = one_line(named->second.text);
  }
  if (arrays.contains(count_name)) {
    const auto& count = numbers_named(arrays, count_name, path);
    if (count.numel() != 1 || count.scalar_type() != at::kLong)
      fail(path, "expected one whole number (int64) as count, got " + type_text(count) + " of shape " +
                     shape_text(count.sizes()));
    side.images = count.item<int64_t>();
  }
  const auto& mean = numbers_named(arrays, mean_name, path);
  for (const auto* name : {mean_name, covariance_name})
    if (const auto& numbers = numbers_named(arrays, name, path); !numbers.is_floating_point())
      fail(path, std::string("expected ") + name + " in float64 or float32, got " + type_text(numbers) +
                     ". Hint: whole numbers are rounded statistics");
  side.moments = Moments::from_covariance(mean, numbers_named(arrays, covariance_name, path), side.images, path);
  return side;
}

Measured load_safetensors(const std::string& path) {
  const auto file = load_checkpoint(path);
  const auto& kind = text_of(file.metadata, "kind", path);
  if (kind != statistics_kind) fail(path, "expected statistics of features, found '" + kind + "'");
  Measured side{path, text_of(file.metadata, "extractor", path)};
  side.moments = Moments::from_tensors(file.tensors, path);
  side.images = side.moments.count();
  return side;
}

}  // namespace

bool is_npz(const std::string& path) { return path.ends_with(".npz"); }

void save_statistics(const std::string& path, const Measured& measured) {
  if (is_npz(path)) return save_npz(path, measured);
  save_checkpoint(path, {measured.moments.tensors(),
                         {{"kind", statistics_kind}, {"extractor", measured.extractor}, {"name", measured.name}}});
}

Measured load_statistics(const std::string& path) { return is_npz(path) ? load_npz(path) : load_safetensors(path); }

}  // namespace fqgan
