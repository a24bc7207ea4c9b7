// Runs one of our layers for the comparison with PyTorch in tests/parity/test_layers.py.
//   fqgan_layer_dump IN.safetensors OUT.safetensors
// IN: metadata `layer` (a name of the table below), tensors `x`, `g`, perhaps `labels`, and `state.<name>` for every
// parameter and buffer that is to be set. OUT: `y`, `grad.x` and `grad.<parameter>` of sum(y * g), `state.<name>`
// afterwards.
#include <cstdio>
#include <functional>
#include <map>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/core/error.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/copy.h"
#include "fqgan/nn/feature_quantizer.h"
#include "fqgan/nn/self_attention.h"
#include "fqgan/training/optimizer.h"

namespace fqgan {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

struct Layer {
  std::shared_ptr<torch::nn::Module> module;
  std::function<torch::Tensor(const Tensors& in, Pass& pass)> forward;
};

Layer conv(const Tensors& in, Streams& random, Resample resample, bool spectral) {
  const auto& w = in.at("state.weight");
  Conv2d layer(Conv2dOptions{w.size(1), w.size(0), w.size(2), resample},
               WeightOptions{spectral ? WeightNormalization::spectral : WeightNormalization::none, 1e-12, "normal"},
               random);
  return {layer.ptr(), [layer](const Tensors& t, Pass& pass) mutable { return layer->forward(t.at("x"), pass); }};
}

Layer linear(const Tensors& in, Streams& random) {
  const auto& w = in.at("state.weight");
  Linear layer(w.size(1), w.size(0), true, WeightOptions{WeightNormalization::none, 0, "normal"}, random);
  return {layer.ptr(), [layer](const Tensors& t, Pass& pass) mutable { return layer->forward(t.at("x"), pass); }};
}

Layer batch_norm(const Tensors& in, Streams& random) {
  const auto gains = in.find("state.class_gain.weight");
  const Condition condition{
      gains == in.end() ? 0 : gains->second.size(0), 0, {WeightNormalization::spectral, 1e-8, "normal"}};
  BatchNorm layer(in.at("x").size(1), condition, random);
  return {layer.ptr(), [layer](const Tensors& t, Pass& pass) mutable {
            const auto labels = t.find("labels");
            return layer->forward(t.at("x"), labels == t.end() ? torch::Tensor() : labels->second, pass);
          }};
}

Layer attention(const Tensors& in, Streams& random) {
  SelfAttention layer(in.at("x").size(1), WeightOptions{WeightNormalization::none, 0, "normal"}, random);
  return {layer.ptr(), [layer](const Tensors& t, Pass& pass) mutable { return layer->forward(t.at("x"), pass); }};
}

/// y: the loss of each image.
Layer quantizer(const Tensors& in, Streams& random, const std::string& mode) {
  FeatureQuantizerOptions options;
  options.codes = in.at("state.codebook").size(0);
  options.mode = mode;
  auto layer = std::make_shared<FeatureQuantizer>(in.at("x").size(1), options, random);
  return {layer, [layer](const Tensors& t, Pass& pass) {
            const auto out = layer->apply("tap", t.at("x"), pass);
            return layer->options.mode == "loss_only" ? pass.reports.at(0).loss : out;
          }};
}

/// Five training steps with a fifth of x each, whose rows are labelled, fake, fake, unlabelled. y: the losses of the
/// real and then of the fake rows, step by step.
Layer quantizer_training(const Tensors& in, Streams& random, const std::string& average, const std::string& order) {
  FeatureQuantizerOptions options;
  options.codes = in.at("state.codebook").size(0);
  options.average = average;
  options.order = order;
  auto layer = std::make_shared<FeatureQuantizer>(in.at("x").size(1), options, random);
  return {layer, [layer](const Tensors& t, Pass& pass) {
            pass.segments = {{Role::labelled, 1}, {Role::fake, 2}, {Role::unlabelled, 1}};
            std::vector<torch::Tensor> losses;
            for (const auto& x : t.at("x").chunk(5)) {
              pass.reports.clear();
              layer->apply("tap", x, pass);
              for (const auto& report : pass.reports) losses.push_back(report.loss);
            }
            return torch::cat(losses);
          }};
}

struct Weight : torch::nn::Module {
  explicit Weight(const torch::Tensor& w) { weight = register_parameter("weight", w.clone()); }
  torch::Tensor weight;
};

/// y: the weight after a step for each row of x, whose rows are the gradients.
Layer adam(const Tensors& in, Streams&) {
  auto holder = std::make_shared<Weight>(in.at("state.weight"));
  return {holder, [holder](const Tensors& t, Pass&) {
            Adam optimizer({{}, 0.01, 0.5, 0.9, 1e-8}, {{"weight", holder->weight}});
            for (int64_t row = 0; row < t.at("x").size(0); ++row) {
              holder->weight.mutable_grad() = t.at("x")[row].detach().clone();
              optimizer.step(1);
            }
            return holder->weight.detach() + 0 * t.at("x").sum();
          }};
}

const std::map<std::string, std::function<Layer(const Tensors&, Streams&)>> layers = {
    {"conv", [](const auto& in, auto& r) { return conv(in, r, Resample::none, false); }},
    {"conv_up", [](const auto& in, auto& r) { return conv(in, r, Resample::up, false); }},
    {"conv_down", [](const auto& in, auto& r) { return conv(in, r, Resample::down, false); }},
    {"conv_spectral", [](const auto& in, auto& r) { return conv(in, r, Resample::none, true); }},
    {"linear", linear},
    {"batch_norm", batch_norm},
    {"attention", attention},
    {"quantizer", [](const auto& in, auto& r) { return quantizer(in, r, "loss_only"); }},
    {"quantizer_straight_through", [](const auto& in, auto& r) { return quantizer(in, r, "straight_through"); }},
    {"quantizer_plain_together", [](auto& in, auto& r) { return quantizer_training(in, r, "plain", "together"); }},
    {"quantizer_plain_real_then_fake",
     [](auto& in, auto& r) { return quantizer_training(in, r, "plain", "real_then_fake"); }},
    {"quantizer_zero_debiased_together",
     [](auto& in, auto& r) { return quantizer_training(in, r, "zero_debiased", "together"); }},
    {"quantizer_zero_debiased_real_then_fake",
     [](auto& in, auto& r) { return quantizer_training(in, r, "zero_debiased", "real_then_fake"); }},
    {"adam", adam},
};

Checkpoint run(const Checkpoint& in) {
  Streams random(1, {});
  const auto layer = layers.at(in.metadata.at("layer"))(in.tensors, random);
  convert(*layer.module, torch::kDouble);
  {
    torch::NoGradGuard no_grad;
    for (auto& [name, tensor] : state_of(*layer.module))
      if (in.tensors.count("state." + name)) tensor.copy_(in.tensors.at("state." + name));
  }
  auto tensors = in.tensors;
  tensors["x"] = tensors.at("x").clone().requires_grad_(true);
  Pass pass(random);
  pass.training = pass.update_state = true;
  pass.compute = torch::kDouble;
  const auto y = layer.forward(tensors, pass);
  for (auto& parameter : layer.module->parameters()) parameter.mutable_grad() = torch::Tensor();
  (y * tensors.at("g")).sum().backward();
  Checkpoint out;
  out.tensors["y"] = y.detach();
  out.tensors["grad.x"] = tensors.at("x").grad();
  for (const auto& [name, parameter] : layer.module->named_parameters().pairs())
    if (parameter.grad().defined()) out.tensors["grad." + name] = parameter.grad();
  for (const auto& [name, tensor] : state_of(*layer.module)) out.tensors["state." + name] = tensor.detach();
  return out;
}

}  // namespace
}  // namespace fqgan

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  fqgan::save_checkpoint(argv[2], fqgan::run(fqgan::load_checkpoint(argv[1], false)));
  return 0;
}
