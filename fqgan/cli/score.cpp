// fqgan score CKPT IMAGES: the discriminator's logit of each image, and what its quantizers make of it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "fqgan/cli/checkpoints.h"
#include "fqgan/cli/compute.h"
#include "fqgan/cli/judged.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/recipe.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/options.h"
#include "fqgan/data/dataset.h"
#include "fqgan/sampling/model.h"

namespace fqgan {
namespace {

using nlohmann::ordered_json;

constexpr int64_t images_at_once = 100;

struct ScoreFlags {
  std::string checkpoint, images, out;
  std::vector<std::string> set;
  bool json = false;
  ComputeOptions compute;
};

/// One quantized tap, over all images.
struct TapScore {
  std::vector<torch::Tensor> codes, errors;
};

struct Scores {
  std::vector<torch::Tensor> logits;
  std::map<std::string, TapScore> taps;
};

/// The images brought to the size that the model was trained on, as its own recipe does it.
std::shared_ptr<const Dataset> open_images(const ScoreFlags& flags, const Model& model, const Checkpoint& checkpoint) {
  RecipeText text = checkpoint.metadata.count("recipe")
                        ? RecipeText::from_string(checkpoint.metadata.at("recipe"), flags.checkpoint)
                        : RecipeText();
  for (const auto* all_images : {"data.limit=none", "data.split=train", "data.held_out=none", "data.crop_margin=0"})
    text.set(all_images);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto options = read_recipe(text)->data;
  options.path = flags.images;
  options.resolution = model.data.height;
  options.width = model.data.width;
  options.channels = model.data.channels;
  return open_dataset(options);
}

/// Whether the names are those of a set without names: "0", "1", ...
bool are_numbers(const std::vector<std::string>& names) {
  for (size_t k = 0; k < names.size(); ++k)
    if (names[k] != std::to_string(k)) return false;
  return true;
}

/// The model's class for each class of the images: by name; by index where one of the two has no names.
std::vector<int64_t> classes_of(const DataInfo& images, const DataInfo& model) {
  std::vector<int64_t> by_name, by_index;
  std::string unknown;
  for (const auto& name : images.class_names) {
    const auto found = std::find(model.class_names.begin(), model.class_names.end(), name);
    if (found != model.class_names.end())
      by_name.push_back(found - model.class_names.begin());
    else if (unknown.empty())
      unknown = name;
    by_index.push_back(static_cast<int64_t>(by_index.size()));
  }
  if (unknown.empty()) return by_name;
  if (are_numbers(images.class_names)) return by_index;
  if (!are_numbers(model.class_names)) {
    const auto meant = closest(unknown, model.class_names);
    fail("score", "expected classes that the model knows, got '" + unknown + "'" +
                      (meant.empty() ? ". Hint: fqgan inspect lists them" : ". Did you mean '" + meant + "'?"));
  }
  log_warning("the model's classes have no names: the images' classes are taken in the order of their names, '" +
              images.class_names.front() + "' for class 0");
  return by_index;
}

/// The images' classes as the model counts them.
torch::Tensor labels_for(const Family& family, const std::vector<int64_t>& classes, const Dataset& dataset,
                         int64_t first, const torch::Tensor& labels) {
  auto known = labels.clone();
  for (int64_t i = 0; i < labels.size(0); ++i) {
    auto label = labels[i].item<int64_t>();
    if (label >= 0 && label < static_cast<int64_t>(classes.size())) label = classes[label];
    if (family.classes && (label < 0 || label >= family.classes))
      fail(dataset.name(first + i), "this discriminator is conditional: expected a class in 0 to " +
                                        std::to_string(family.classes - 1) + ", found " +
                                        (label < 0 ? "none" : std::to_string(label)) + ". Hint: a folder a class");
    known[i] = label;
  }
  return known;
}

Scores judge_all(Family& family, const DataInfo& model_data, const Dataset& dataset) {
  torch::NoGradGuard no_grad;
  const auto& info = dataset.info();
  const auto classes = family.classes ? classes_of(info, model_data) : std::vector<int64_t>();
  Scores scores;
  for (const auto& chunk : judged_chunks(info.images, family.judged_together, images_at_once)) {
    auto pixels = read_chunk(dataset, chunk);
    pixels.labels = labels_for(family, classes, dataset, chunk.first, pixels.labels);
    Streams random(0, Counters{chunk.first, -1});
    auto pass = family.numerics.pass(random);
    const auto logits =
        family.judge(family.numerics.batch(pixels.images, pixels.labels), pass).to(torch::kCPU, torch::kFloat);
    scores.logits.push_back(logits.slice(0, chunk.known));
    for (const auto& report : pass.reports) {
      auto& tap = scores.taps[report.tap];
      tap.codes.push_back(report.codes.cpu().slice(0, chunk.known));
      tap.errors.push_back(report.error.to(torch::kCPU, torch::kFloat).slice(0, chunk.known));
    }
    log_status(std::to_string(chunk.first + chunk.count) + "/" + std::to_string(info.images) + " images");
  }
  log_status("");
  return scores;
}

double perplexity(const torch::Tensor& codes) {
  const auto counts = torch::bincount(codes.flatten()).to(torch::kDouble);
  const auto p = counts / counts.sum();
  return torch::exp(-(p * torch::log(p.clamp_min(1e-300))).sum()).item<double>();
}

ordered_json describe(const Scores& scores, const Dataset& dataset) {
  const auto logits = torch::cat(scores.logits);
  ordered_json document{
      {"images", dataset.info().images},
      {"logit", {{"mean", logits.mean().item<double>()}, {"deviation", logits.std(false).item<double>()}}}};
  for (const auto& [name, tap] : scores.taps) {
    const auto codes = torch::cat(tap.codes);
    document["taps"][name] = {{"error", torch::cat(tap.errors).mean().item<double>()},
                              {"perplexity", perplexity(codes)},
                              {"used_codes", std::get<0>(at::_unique(codes)).numel()}};
  }
  for (int64_t i = 0; i < logits.size(0); ++i)
    document["scores"].push_back({{"name", dataset.name(i)}, {"logit", logits[i].item<double>()}});
  return document;
}

void write_tensors(const std::string& path, const Scores& scores) {
  Checkpoint file;
  file.tensors["logits"] = torch::cat(scores.logits);
  for (const auto& [name, tap] : scores.taps) {
    file.tensors["codes." + name] = torch::cat(tap.codes);
    file.tensors["error." + name] = torch::cat(tap.errors);
  }
  save_checkpoint(path, file);
}

int score(const ScoreFlags& flags) {
  if (!flags.out.empty()) prepare_target(flags.out, ".safetensors");
  const auto [path, checkpoint] = open_checkpoint(flags.checkpoint);
  if (const auto untrained = checkpoint.metadata.find(untrained_key); untrained != checkpoint.metadata.end())
    fail(path,
         "this file has no trained " + untrained->second + ". Hint: fqgan import ... --discriminator D.safetensors");
  const auto numerics = start_computing(flags.compute);
  const auto model = load_model(checkpoint, path, numerics);
  const auto dataset = open_images(flags, model, checkpoint);
  const auto scores = judge_all(*model.family, model.data, *dataset);
  if (!flags.out.empty()) write_tensors(flags.out, scores);
  const auto document = describe(scores, *dataset);
  if (flags.json) {
    std::cout << document.dump(2) << std::endl;
    return 0;
  }
  std::cout << document["images"] << " images, logit " << document["logit"]["mean"] << " +- "
            << document["logit"]["deviation"] << "\n";
  const auto taps = document.value("taps", ordered_json::object());  // items() needs it to stay
  for (const auto& [name, tap] : taps.items())
    std::cout << name << ": error " << tap["error"] << ", perplexity " << tap["perplexity"] << ", " << tap["used_codes"]
              << " codes used\n";
  return 0;
}

}  // namespace

void add_score(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ScoreFlags>();
  auto* command = program.add_subcommand("score", "what a trained discriminator thinks of images");
  command->add_option("model", flags->checkpoint, "checkpoint, or run folder (its newest checkpoint)")->required();
  command->add_option("images", flags->images, "images: a folder, class folders, zip, IDX files")->required();
  command->add_option("--out", flags->out,
                      "X.safetensors: `logits` N, and for each quantized tap `codes.<tap>` N x H x W, `error.<tap>` N");
  command->add_option("--set", flags->set, "how images are read: --set data.fit=crop (repeatable)")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_flag("--json", flags->json, "one document with every image's logit");
  add_compute_flags(*command, flags->compute);
  command->callback([flags, &action] { action = [flags] { return score(*flags); }; });
}

}  // namespace fqgan
