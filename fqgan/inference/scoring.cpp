#include "fqgan/inference/scoring.h"

#include <algorithm>

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/inference/chunks.h"

namespace fqgan {
namespace {

constexpr int64_t images_at_once = 100;

/// Collects the codes and errors of a tap, chunk by chunk.
struct TapChunks {
  std::vector<torch::Tensor> codes, errors;
};

/// The model's class for each class of the images.
std::vector<int64_t> classes_of(const DataInfo& images, const DataInfo& model) {
  auto classes = matched_classes(images.class_names, model.class_names, "score", "rename the folders of the images");
  if (are_numbers(model.class_names) && !are_numbers(images.class_names))
    log_warning(
        "the model's classes have no names; the images' classes are numbered in the order of their names, from '" +
        images.class_names.front() + "' for class 0");
  return classes;
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
