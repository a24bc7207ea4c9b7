#include "fqgan/metrics/classifier.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/error.h"
#include "fqgan/core/hash.h"
#include "fqgan/core/log.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"
#include "fqgan/metrics/weights_file.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

constexpr const char* classifier_kind = "classifier";
constexpr int64_t first_width = 32, last_width = 128;  // channels
constexpr int64_t smallest_map = 4;                    // pixels of the longer side

const WeightOptions classifier_weight{WeightNormalization::none, 0., "xavier"};

std::string weights_hash(const torch::nn::Module& network) {
  Sha256 digest;
  for (const auto& [name, tensor] : state_of(network)) {  // ordered by name
    const auto bytes = tensor.detach().cpu().contiguous();
    digest.update(bytes.const_data_ptr(), bytes.nbytes());
  }
  return digest.hex().substr(0, 8);
}

std::string percent_text(double fraction) { return fixed(100 * fraction, 2) + " %"; }

ClassifierFacts read_facts(const std::map<std::string, std::string>& metadata, const std::string& where) {
  ClassifierFacts facts;
  facts.shape = {number_of(metadata, "channels", where), number_of(metadata, "height", where),
                 number_of(metadata, "width", where)};
  facts.data = text_of(metadata, "data_name", where);
  facts.data_key = text_of(metadata, "data_key", where);
  facts.training_images = number_of(metadata, "training_images", where);
  facts.tested_images = number_of(metadata, "tested_images", where);
  facts.tested_on = text_of(metadata, "tested_on", where);
  try {
    facts.class_names = nlohmann::json::parse(text_of(metadata, "class_names", where)).get<std::vector<std::string>>();
    facts.accuracy = nlohmann::json::parse(text_of(metadata, "accuracy", where)).get<double>();
  } catch (const nlohmann::json::exception&) {
    fail(where, "expected class names and an accuracy in the metadata of this classifier, found other values");
  }
  const auto& shape = facts.shape;
  const bool sizes = shape.height >= 1 && shape.width >= 1 && shape.height <= 8192 && shape.width <= 8192;
  if (!sizes || shape.channels < 1 || shape.channels > 4 || facts.class_names.empty())
    fail(where, "the metadata of this classifier is invalid: images of " + shape_text(shape) + ", " +
                    std::to_string(facts.class_names.size()) + " classes");
  return facts;
}

}  // namespace

ClassifierNetworkImpl::ClassifierNetworkImpl(const ImageShape& shape, int64_t classes, Streams& random) {
  int64_t channels = shape.channels, height = shape.height, width = shape.width;
  for (int64_t out = first_width; std::max(height, width) > smallest_map && std::min(height, width) > 1;
       out = std::min(2 * out, last_width)) {
    const auto number = std::to_string(convolutions.size());
    // Batch norm adds the bias.
    convolutions.push_back(
        register_module("convolution" + number,
                        Conv2d(Conv2dOptions{channels, out, 3, Resample::none, false}, classifier_weight, random)));
    norms.push_back(register_module("norm" + number, BatchNorm(out, Condition{}, random)));
    channels = out;
    height /= 2;
    width /= 2;
  }
  hidden = register_module("hidden",
                           Linear(channels * height * width, classifier_features, false, classifier_weight, random));
  hidden_norm = register_module("hidden_norm", BatchNorm(classifier_features, Condition{}, random));
  head = register_module("head", Linear(classifier_features, classes, true, classifier_weight, random));
}

ClassifierNetworkImpl::Output ClassifierNetworkImpl::forward(const torch::Tensor& images, Pass& pass) {
  auto x = images;
  for (size_t i = 0; i < convolutions.size(); ++i)
    x = at::relu(norms[i]->forward(at::max_pool2d(convolutions[i]->forward(x, pass), 2), {}, pass));
  x = hidden->forward(x.flatten(1), pass).unsqueeze(2).unsqueeze(3);  // N x 128 x 1 x 1
  const auto features = at::relu(hidden_norm->forward(x, {}, pass)).flatten(1);
  return {features, head->forward(features, pass)};
}

torch::Tensor classifier_input(const torch::Tensor& pixels, torch::Device device) {
  return pixels.to(device, torch::kFloat).div(127.5).sub_(1).contiguous(at::MemoryFormat::ChannelsLast);
}

Classifier::Classifier(ClassifierNetwork network, ClassifierFacts facts, torch::Device device)
    : network_(std::move(network)), facts_(std::move(facts)), device_(device) {
  for (auto& parameter : network_->parameters()) parameter.set_requires_grad(false);
  name_ = "classifier-" + weights_hash(*network_);
}

std::string Classifier::description() const {
  return "a classifier of " + facts_.data + " with " + std::to_string(facts_.class_names.size()) +
         " classes, right for " + percent_text(facts_.accuracy) + " of " + std::to_string(facts_.tested_images) + " " +
         facts_.tested_on;
}

void Classifier::check(const ImageShape& shape, const std::string& where) const {
  FeatureExtractor::check(shape, where);
  if (shape.height == facts_.shape.height && shape.width == facts_.shape.width) return;
  const auto height = std::to_string(facts_.shape.height), width = std::to_string(facts_.shape.width);
  fail(where, "expected images of " + shape_text(facts_.shape) + " for " + name_ + ", as in its training, got " +
                  shape_text(shape) +
                  ". Hint: --features classifier (in a training --set evaluation.features=classifier) trains features "
                  "for such " +
                  "images; files can be read with --set data.resolution=" + height +
                  (height == width ? "" : " --set data.width=" + width));
}

ClassifierNetworkImpl::Output Classifier::output_of(const at::Tensor& pixels) {
  auto unused = Streams::unused();
  Pass pass(unused);
  return network_->forward(classifier_input(pixels, device_), pass);
}

Extracted Classifier::extract(const at::Tensor& pixels, bool) {
  torch::NoGradGuard no_grad;
  const auto output = output_of(pixels);
  return {output.features.cpu(), output.logits.cpu()};
}

at::Tensor Classifier::differentiable_features(const at::Tensor& pixels) { return output_of(pixels).features.cpu(); }

void Classifier::save(const std::string& path) const {
  Checkpoint file;
  for (const auto& [name, tensor] : state_of(*network_)) file.tensors.emplace(name, tensor.detach());
  file.metadata = {{"kind", classifier_kind},
                   {"channels", std::to_string(facts_.shape.channels)},
                   {"height", std::to_string(facts_.shape.height)},
                   {"width", std::to_string(facts_.shape.width)},
                   {"class_names", nlohmann::json(facts_.class_names).dump()},
                   {"data_name", facts_.data},
                   {"data_key", facts_.data_key},
                   {"training_images", std::to_string(facts_.training_images)},
                   {"accuracy", nlohmann::json(facts_.accuracy).dump()},
                   {"tested_images", std::to_string(facts_.tested_images)},
                   {"tested_on", facts_.tested_on}};
  save_checkpoint(path, file);
}

std::unique_ptr<Classifier> load_classifier(const std::string& path, torch::Device device) {
  const auto file = load_weights(path, "a classifier saved by fqgan (.safetensors)",
                                 "--features classifier trains one; other features are TorchScript files");
  const auto kind = file.metadata.find("kind");
  if (kind == file.metadata.end() || kind->second != classifier_kind)
    fail(path, "expected a classifier saved by fqgan, found " +
                   (kind == file.metadata.end() ? "another safetensors file" : "'" + kind->second + "'"));
  auto facts = read_facts(file.metadata, path);
  auto random = Streams::unused();
  ClassifierNetwork network(facts.shape, static_cast<int64_t>(facts.class_names.size()), random);
  const auto targets = state_of(*network);
  torch::NoGradGuard no_grad;
  for (auto [name, target] : targets) {
    const auto saved = file.tensors.find(name);
    if (saved == file.tensors.end() || saved->second.sizes() != target.sizes())
      fail(path,
           "this classifier has another architecture: it lacks '" + name + "' of shape " + shape_text(target.sizes()));
    target.copy_(saved->second);
  }
  network->to(device);
  warn_if_poor(facts);
  return std::make_unique<Classifier>(network, std::move(facts), device);
}

void warn_if_poor(const ClassifierFacts& facts) {
  // The lower end of Wilson's interval of two standard deviations, which is low too where few images were tested.
  constexpr double z = 2;
  const auto images = static_cast<double>(std::max<int64_t>(1, facts.tested_images));
  const double a = facts.accuracy, chance = 1 / static_cast<double>(facts.class_names.size());
  const double spread = z * std::sqrt(a * (1 - a) / images + z * z / (4 * images * images));
  const double least = (a + z * z / (2 * images) - spread) / (1 + z * z / images);
  if (least >= chance + (1 - chance) / 4) return;
  log_warning("the classifier that gives the features is right for " + percent_text(a) + " of " +
              plural(facts.tested_images, "image") + " that it was not trained on, and guessing for " +
              percent_text(chance) +
              ": FID and other metrics from it may say little. Hint: more labelled images, or "
              "--features FILE (in a recipe: evaluation.features), a TorchScript file or another classifier");
}

double class_accuracy(const at::Tensor& logits, const at::Tensor& labels) {
  const auto known = labels >= 0;
  return (logits.argmax(1) == labels).logical_and(known).sum().item<double>() / known.sum().item<double>();
}

}  // namespace fqgan
