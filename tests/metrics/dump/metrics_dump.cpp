// Runs one of our metrics for tests/parity/test_metrics*.py and benchmarks/versus/metrics.py, and prints JSON with the
// values, the seconds that the metric took, the memory that was in use before it and the most that was during it.
//   fqgan_metrics_dump IN.safetensors METRIC [OPTION=VALUE...]
// METRIC: a name of the table below; IN: the tensors that it reads. Exit code 2 with one line for bad input.
#include <ATen/Parallel.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/core/error.h"
#include "fqgan/core/numpy_random.h"
#include "fqgan/core/options.h"
#include "fqgan/metrics/cmmd.h"
#include "fqgan/metrics/copies.h"
#include "fqgan/metrics/copy_test.h"
#include "fqgan/metrics/fid_infinity.h"
#include "fqgan/metrics/frechet.h"
#include "fqgan/metrics/inception_score.h"
#include "fqgan/metrics/kernel_distance.h"
#include "fqgan/metrics/lpips.h"
#include "fqgan/metrics/neighbours.h"
#include "fqgan/metrics/path_length.h"

namespace fqgan {
namespace {

using Json = nlohmann::json;
using Tensors = std::map<std::string, at::Tensor>;

struct DumpOptions : Options {
  KernelDistanceOptions kid;
  InceptionScoreOptions inception_score;
  CopyTestOptions c_t;
  int64_t threads = 2, shards = 1, neighbours = 3, images = 0, chosen = 0, seed = 0;
  bool strict = false;
  void fields(FieldVisitor& visit) override {
    visit("kid", kid, about("kernel distance"));
    visit("inception_score", inception_score, about("inception score"));
    visit("c_t", c_t, about("C_T"));
    visit("threads", threads, about("of the whole program"));
    visit("shards", shards, about("parts that the moments are merged from"));
    visit("neighbours", neighbours, about("k"));
    visit("strict", strict, about("distance < radius"));
    visit("images", images, about("length of the permutation"));
    visit("chosen", chosen, about("how many to choose"));
    visit("seed", seed, about("of the permutation"));
  }
};

Moments moments_of(const at::Tensor& features, int64_t shards) {
  Moments all;
  for (int64_t s = 0; s < shards; ++s) {
    Moments shard;
    shard.add(features.slice(0, s * features.size(0) / shards, (s + 1) * features.size(0) / shards));
    all.merge(shard);
  }
  return all;
}

std::vector<double> numbers(const at::Tensor& x) {
  const auto values = x.contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

/// As they come back from a file: without the rows.
Moments read_back(const at::Tensor& features, int64_t shards) {
  return Moments::from_tensors(moments_of(features, shards).tensors(), "dump");
}

Json moments(const Tensors& in, const DumpOptions& options) {
  const auto result = read_back(in.at("a"), options.shards);
  return {{"count", result.count().value()},
          {"mean", numbers(result.mean())},
          {"covariance", numbers(result.covariance())}};
}

Json fid_moments(const Tensors& in, const DumpOptions& options) {
  return {{"value", frechet_distance(read_back(in.at("a"), options.shards), read_back(in.at("b"), options.shards))}};
}

Json fid_features(const Tensors& in, const DumpOptions&) {
  return {{"value", frechet_distance_of_features(in.at("a"), in.at("b"))}};
}

Json fid(const Tensors& in, const DumpOptions&) {
  return {{"value", frechet_distance(in.at("mean_a"), in.at("covariance_a"), in.at("mean_b"), in.at("covariance_b"))}};
}

Json trace(const Tensors& in, const DumpOptions&) {
  const auto& s1 = in.at("covariance_a");
  return {{"value", trace_of_root(s1, in.at("covariance_b"), s1.size(0))}};
}

Json mean_and_std_json(const MeanAndStd& value) { return {{"mean", value.mean}, {"std", value.stddev}}; }

Json kid(const Tensors& in, const DumpOptions& options) {
  return mean_and_std_json(kernel_distance(in.at("a"), in.at("b"), options.kid));
}

Json isc(const Tensors& in, const DumpOptions& options) {
  return mean_and_std_json(inception_score(in.at("logits"), options.inception_score));
}

/// a: real, b: generated.
Json neighbours(const Tensors& in, const DumpOptions& options) {
  const auto counts = neighbour_counts(in.at("a"), in.at("b"), {options.neighbours, options.strict});
  return {{"precision", counts.precision()},
          {"recall", counts.recall()},
          {"density", counts.density()},
          {"coverage", counts.coverage()},
          {"fakes_in_a_real_ball", counts.fakes_in_a_real_ball},
          {"reals_in_a_fake_ball", counts.reals_in_a_fake_ball},
          {"pairs_in_real_balls", counts.pairs_in_real_balls},
          {"real_balls_with_a_fake", counts.real_balls_with_a_fake}};
}

Json radii(const Tensors& in, const DumpOptions& options) {
  return {{"squared_radii", numbers(squared_radii(in.at("a"), options.neighbours))}};
}

Json cmmd_value(const Tensors& in, const DumpOptions&) { return {{"value", cmmd(in.at("a"), in.at("b"))}}; }

/// a: training, b: generated.
Json auth(const Tensors& in, const DumpOptions&) {
  return {{"value", 100 * mean_and_std(authentic(in.at("a"), in.at("b"))).mean}};
}

/// a: training, b: generated, c: held out, if given.
Json copied(const Tensors& in, const DumpOptions&) {
  const auto held_out = in.find("c");
  const auto copies = find_copies(in.at("b"), in.at("a"), held_out == in.end() ? at::Tensor() : held_out->second);
  return {{"nearest", copies.nearest},
          {"distance", copies.distance},
          {"ratio", copies.ratio},
          {"threshold", copies.threshold},
          {"ratio_threshold", copies.ratio_threshold},
          {"real", copies.real},
          {"held_out_in_training", copies.held_out_in_training},
          {"verdict", verdict(copies)}};
}

/// a: training, b: generated, c: test.
Json c_t(const Tensors& in, const DumpOptions& options) {
  const auto value = copy_test(in.at("a"), in.at("c"), in.at("b"), options.c_t);
  if (!value) fail("c_t", "no cell has enough images. Hint: a smaller c_t.cells");
  return {{"value", *value}};
}

/// a: real, b: generated.
Json fid_without_bias(const Tensors& in, const DumpOptions&) {
  return {{"value", fid_infinity(in.at("b"), moments_of(in.at("a"), 1))}};
}

Json ppl(const Tensors& in, const DumpOptions&) { return mean_and_std_json(path_length(in.at("distances"))); }

/// a0, b0, weights0: the first layer; and so on.
Json perceptual(const Tensors& in, const DumpOptions&) {
  std::vector<PerceptualLayer> layers;
  for (int64_t i = 0; in.contains("a" + std::to_string(i)); ++i) {
    const auto layer = std::to_string(i);
    layers.push_back({in.at("a" + layer), in.at("b" + layer), in.at("weights" + layer)});
  }
  return {{"distances", numbers(lpips(layers))}};
}

/// Several draws one after the other, so that the state between them is compared too.
Json numpy_random(const Tensors&, const DumpOptions& options) {
  NumpyRandom random(static_cast<uint32_t>(options.seed));
  const auto permutation = random.permutation(options.images);
  const auto choice = random.choice_without_replacement(options.images, options.chosen);
  std::vector<double> normal, uniform;
  for (int64_t i = 0; i < options.chosen; ++i) normal.push_back(random.normal());
  for (int64_t i = 0; i < options.chosen; ++i) uniform.push_back(random.uniform());
  return {{"permutation", permutation}, {"choice", choice}, {"normal", normal}, {"uniform", uniform}};
}

const std::map<std::string, std::function<Json(const Tensors&, const DumpOptions&)>> metrics = {
    {"moments", moments},
    {"fid_moments", fid_moments},
    {"fid_features", fid_features},
    {"fid", fid},
    {"trace", trace},
    {"kid", kid},
    {"inception_score", isc},
    {"neighbours", neighbours},
    {"radii", radii},
    {"numpy_random", numpy_random},
    {"cmmd", cmmd_value},
    {"auth", auth},
    {"copied", copied},
    {"c_t", c_t},
    {"fid_infinity", fid_without_bias},
    {"ppl", ppl},
    {"lpips", perceptual},
};

/// A line of /proc/self/status in bytes; 0 where there is none.
int64_t memory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(name + ":", 0) == 0) return std::stoll(line.substr(name.size() + 1)) * 1024;
  return 0;
}

Json run(int argc, char** argv) {
  auto text = RecipeText::from_string("", "dump");
  for (int i = 3; i < argc; ++i) text.set(argv[i]);
  DumpOptions options;
  read_options(text, options);
  at::set_num_threads(static_cast<int>(options.threads));
  const auto in = load_checkpoint(argv[1], false);
  const auto before = memory("VmRSS");
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts anew
  const auto start = std::chrono::steady_clock::now();
  auto result = metrics.at(argv[2])(in.tensors, options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  result["seconds"] = seconds.count();
  result["bytes_before"] = before;
  result["peak_bytes"] = memory("VmHWM");
  return result;
}

}  // namespace
}  // namespace fqgan

int main(int argc, char** argv) try {
  if (argc < 3 || !fqgan::metrics.count(argv[2])) return 2;
  std::cout << fqgan::run(argc, argv) << "\n";
  return 0;
} catch (const fqgan::UserError& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
