#include "fqgan/inference/scoring.h"

#include <algorithm>

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/inference/chunks.h"

namespace fqgan {
namespace {

constexpr int64_t images_at_once = 100;

/// Collects the codes and errors of a tap, chunk by chunk.
struct TapChunks {
  std::vector<torch::Tensor> codes, errors;
};

/// Whether the names are "0", "1", ..., which stand for classes without names.
bool are_numbers(const std::vector<std::string>& names) {
  for (size_t k = 0; k < names.size(); ++k)
    if (names[k] != std::to_string(k)) return false;
  return true;
}

/// The model's class for each class of the images: by name, or by index if one of the two has no names.
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
  if (!are_numbers(model.class_names))
    fail("score",
         "expected classes that the model knows, got '" + unknown + "'" +
             suggestion(unknown, model.class_names, ". Hint: " + command_line({"inspect", "MODEL"}) + " lists them"));
  log_warning(
      "the model's classes have no names; the images' classes are numbered in the order of their names, from '" +
      images.class_names.front() + "' for class 0");
  return by_index;
}

/// The images' classes as the model's indices.
torch::Tensor labels_for(int64_t wanted, const std::vector<int64_t>& classes, const Dataset& dataset, int64_t first,
                         const torch::Tensor& labels) {
  auto known = labels.clone();
  for (int64_t i = 0; i < labels.size(0); ++i) {
    auto label = labels[i].item<int64_t>();
    if (label >= 0 && label < static_cast<int64_t>(classes.size())) label = classes[label];
    if (wanted && (label < 0 || label >= wanted))
      fail(dataset.name(first + i), "expected a class from 0 to " + std::to_string(wanted - 1) +
                                        " for a conditional discriminator, found " +
                                        (label < 0 ? "none" : std::to_string(label)) + ". Hint: one folder per class");
    known[i] = label;
  }
  return known;
}

}  // namespace

Scores score_images(const Family& family, const DataInfo& trained, const Dataset& images,
                    const std::function<void(int64_t)>& progress) {
  if (!family.scorer) fail("model", "expected a family with a discriminator that scores images, got one without");
  torch::NoGradGuard no_grad;
  const auto& scorer = *family.scorer;
  const auto& info = images.info();
  const auto classes = scorer.classes ? classes_of(info, trained) : std::vector<int64_t>();
  std::vector<torch::Tensor> logits;
  std::map<std::string, TapChunks> taps;
  for (const auto& chunk : chunks_of(info.images, scorer.batch, images_at_once)) {
    auto pixels = read_chunk(images, chunk);
    pixels.labels = labels_for(scorer.classes, classes, images, chunk.first, pixels.labels);
    auto random = Streams::unused();
    auto pass = family.numerics.pass(random);
    const auto batch = family.numerics.batch(pixels.images, pixels.labels);
    logits.push_back(scorer.logits(batch, pass).to(torch::kCPU, torch::kFloat).slice(0, chunk.known));
    for (const auto& report : pass.reports) {
      auto& tap = taps[report.tap];
      tap.codes.push_back(report.codes.cpu().slice(0, chunk.known));
      tap.errors.push_back(report.error.to(torch::kCPU, torch::kFloat).slice(0, chunk.known));
    }
    if (progress) progress(chunk.first + chunk.count);
  }
  Scores scores{at::cat(logits), {}};
  for (const auto& [name, tap] : taps) scores.taps[name] = {at::cat(tap.codes), at::cat(tap.errors)};
  return scores;
}

double perplexity_of(const torch::Tensor& codes) {
  const auto counts = torch::bincount(codes.flatten()).to(torch::kDouble);
  const auto p = counts / counts.sum();
  return torch::exp(-(p * torch::log(p.clamp_min(1e-300))).sum()).item<double>();
}

}  // namespace fqgan
