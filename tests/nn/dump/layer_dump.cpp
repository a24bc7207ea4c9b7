// Runs our layers for the comparison with PyTorch in tests/parity/test_layers.py.
//   fqgan_layer_dump IN.safetensors OUT.safetensors
// A file holds several cases, whose names begin with a number and a point: "0.x", "1.x". IN, for each: metadata `layer`
// (a name of the table below) and its options; tensors `x`, `g`, perhaps `labels` and `residual`, and `state.NAME`
// for each parameter and buffer that is to be set. OUT: `y`, `grad.x` and `grad.NAME` of sum(y * g), `state.NAME` then.
#include <cstdio>
#include <functional>
#include <map>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/core/error.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/copy.h"
#include "fqgan/nn/feature_quantizer.h"
#include "fqgan/nn/self_attention.h"
#include "fqgan/training/average.h"
#include "fqgan/training/optimizer.h"

namespace fqgan {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

struct Layer {
  std::shared_ptr<torch::nn::Module> module;
  std::function<torch::Tensor(const Tensors& in, Pass& pass)> forward;
};

/// An option from the metadata.
int64_t number(const Checkpoint& in, const std::string& name, int64_t otherwise) {
  const auto found = in.metadata.find(name);
  return found == in.metadata.end() ? otherwise : std::stoll(found->second);
}

WeightOptions weight_options(const Checkpoint& in) {
  WeightOptions weight;
  const auto found = in.metadata.find("normalization");
  weight.normalization = found == in.metadata.end() ? WeightNormalization::none : weight_normalization(found->second);
  weight.epsilon = 1e-12;
  weight.initialisation = "normal";
  weight.spectral_form = number(in, "torch_form", 0) ? SpectralForm::torch : SpectralForm::biggan;
  weight.iterations = number(in, "iterations", 1);
  return weight;
}

/// Options from the metadata, channels and kernel from the weight.
Layer conv(const Checkpoint& in, Streams& random) {
  const auto& w = in.tensors.at("state.weight");
  const auto groups = number(in, "groups", 1);
  const bool transposed = number(in, "transposed", 0);
  const auto first = w.size(0), second = w.size(1) * groups;
  Conv2dOptions options{.in = transposed ? first : second, .out = transposed ? second : first};
  options.kernel = {w.size(2), w.size(3)};
  options.resample = static_cast<Resample>(number(in, "resample", 0));
  options.bias = in.tensors.count("state.bias");
  options.relu = number(in, "relu", 0);
  options.stride = number(in, "stride", 1);
  options.groups = groups;
  if (in.metadata.count("left"))
    options.padding =
        Padding{number(in, "left", 0), number(in, "right", 0), number(in, "top", 0), number(in, "bottom", 0)};
  options.border = static_cast<Border>(number(in, "border", 0));
  options.transposed = transposed;
  if (in.metadata.count("output_padding")) options.output_padding = number(in, "output_padding", 0);
  Conv2d layer(options, weight_options(in), random);
  return {layer.ptr(), [layer](const Tensors& t, Pass& pass) mutable {
            const auto residual = t.find("residual");
            return layer->forward(t.at("x"), pass, residual == t.end() ? torch::Tensor() : residual->second);
          }};
}

Layer linear(const Checkpoint& in, Streams& random) {
  const auto& w = in.tensors.at("state.weight");
  const bool relu = number(in, "relu", 0);
  Linear layer(w.size(1), w.size(0), in.tensors.count("state.bias"), weight_options(in), random);
  return {layer.ptr(),
          [layer, relu](const Tensors& t, Pass& pass) mutable { return layer->forward(t.at("x"), pass, relu); }};
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

/// y: the average of a weight that is row t of x after iteration t.
Layer average(const Checkpoint& in, Streams&) {
  const auto holder = std::make_shared<Weight>(in.tensors.at("state.weight"));
  AverageSpec spec{"", holder};
  spec.half_life = std::stod(in.metadata.at("half_life"));
  if (in.metadata.count("ramp")) spec.half_life_ramp = std::stod(in.metadata.at("ramp"));
  const auto batch = number(in, "batch", 1);
  return {holder, [=](const Tensors& t, Pass&) {
            const auto& rows = t.at("x");
            for (int64_t row = 0; row < rows.size(0); ++row)
              update_average(spec, Weight(rows[row].detach()), {row, batch, row * batch});
            return holder->weight.detach() + 0 * rows.sum();
          }};
}

const std::map<std::string, std::function<Layer(const Checkpoint&, Streams&)>> layers = {
    {"conv", conv},
    {"linear", linear},
    {"batch_norm", [](const auto& in, auto& r) { return batch_norm(in.tensors, r); }},
    {"attention", [](const auto& in, auto& r) { return attention(in.tensors, r); }},
    {"quantizer", [](const auto& in, auto& r) { return quantizer(in.tensors, r, "loss_only"); }},
    {"quantizer_straight_through",
     [](const auto& in, auto& r) { return quantizer(in.tensors, r, "straight_through"); }},
    {"quantizer_plain_together",
     [](const auto& in, auto& r) { return quantizer_training(in.tensors, r, "plain", "together"); }},
    {"quantizer_plain_real_then_fake",
     [](const auto& in, auto& r) { return quantizer_training(in.tensors, r, "plain", "real_then_fake"); }},
    {"quantizer_zero_debiased_together",
     [](const auto& in, auto& r) { return quantizer_training(in.tensors, r, "zero_debiased", "together"); }},
    {"quantizer_zero_debiased_real_then_fake",
     [](const auto& in, auto& r) { return quantizer_training(in.tensors, r, "zero_debiased", "real_then_fake"); }},
    {"average", average},
    {"adam", [](const auto& in, auto& r) { return adam(in.tensors, r); }},
};

Checkpoint run(const Checkpoint& in) {
  Streams random(1, {});
  const auto layer = layers.at(in.metadata.at("layer"))(in, random);
  convert(*layer.module, torch::kDouble);
  {
    torch::NoGradGuard no_grad;
    for (auto& [name, tensor] : state_of(*layer.module))
      if (in.tensors.count("state." + name)) tensor.copy_(in.tensors.at("state." + name));
  }
  auto tensors = in.tensors;
  tensors["x"] = tensors.at("x").clone().requires_grad_(true);
  Pass pass(random);
  pass.training = pass.update_state = !number(in, "evaluation", 0);
  for (auto forwards = number(in, "forwards", 1); forwards > 1; --forwards) layer.forward(tensors, pass);
  pass.compute = torch::kDouble;
  if (tensors.count("residual")) tensors["residual"] = tensors.at("residual").clone().requires_grad_(true);
  const auto y = layer.forward(tensors, pass);
  for (auto& parameter : layer.module->parameters()) parameter.mutable_grad() = torch::Tensor();
  (y * tensors.at("g")).sum().backward();
  Checkpoint out;
  out.tensors["y"] = y.detach();
  for (const auto* name : {"x", "residual"})
    if (tensors.count(name)) out.tensors[std::string("grad.") + name] = tensors.at(name).grad();
  for (const auto& [name, parameter] : layer.module->named_parameters().pairs())
    if (parameter.grad().defined()) out.tensors["grad." + name] = parameter.grad();
  for (const auto& [name, tensor] : state_of(*layer.module)) out.tensors["state." + name] = tensor.detach();
  return out;
}

/// Each case as if it stood alone in its file.
std::map<std::string, Checkpoint> cases_of(const Checkpoint& file) {
  std::map<std::string, Checkpoint> cases;
  const auto place = [](const std::string& name) { return name.find('.') + 1; };
  for (const auto& [name, tensor] : file.tensors)
    cases[name.substr(0, place(name))].tensors.emplace(name.substr(place(name)), tensor);
  for (const auto& [name, value] : file.metadata)
    if (const auto found = cases.find(name.substr(0, place(name))); found != cases.end())
      found->second.metadata.emplace(name.substr(place(name)), value);
  return cases;
}

Checkpoint run_all(const Checkpoint& file) {
  Checkpoint out;
  for (const auto& [prefix, one] : cases_of(file))
    for (const auto& [name, tensor] : run(one).tensors) out.tensors.emplace(prefix + name, tensor);
  return out;
}

}  // namespace
}  // namespace fqgan

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  fqgan::save_checkpoint(argv[2], fqgan::run_all(fqgan::load_checkpoint(argv[1], false)));
  return 0;
}
