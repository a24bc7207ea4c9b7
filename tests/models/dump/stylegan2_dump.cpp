// Computes with our StyleGAN2 what the fixtures of tests/parity/fixtures/stylegan2 hold, for tests/parity/
// test_stylegan2.py.
//   fqgan_stylegan2_dump KIND IN.safetensors OUT.safetensors [float32]
// KIND: primitives, generator, discriminator, mapping, losses or training, the fixture's beginning. IN: the fixture.
// OUT: tensors with the names that the fixture has.
// KIND model: IN has the path of a checkpoint in its metadata (`model`), and z, c, x and x_c of two fixtures. OUT: ws,
// image.const and logits of this checkpoint.
#include <cstdio>
#include <functional>
#include <map>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/inference/model.h"
#include "fqgan/models/stylegan2/discriminator.h"
#include "fqgan/models/stylegan2/generation.h"
#include "fqgan/nn/copy.h"
#include "fqgan/training/average.h"
#include "fqgan/training/optimizer.h"
#include "models/dump/stylegan2_primitives.h"

namespace fqgan {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

struct Fixture {
  Checkpoint file;
  torch::ScalarType type = torch::kDouble;

  const torch::Tensor& raw(const std::string& name) const {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end()) throw std::runtime_error("the fixture has no " + name);
    return found->second;
  }
  torch::Tensor at(const std::string& name) const {
    return raw(name).is_floating_point() ? raw(name).to(type) : raw(name);
  }
  double number(const std::string& name) const { return std::stod(file.metadata.at(name)); }
  int64_t integer(const std::string& name) const { return std::stoll(file.metadata.at(name)); }
  bool has(const std::string& name) const { return file.metadata.count(name); }
  Numerics numerics() const {
    Numerics numerics;
    numerics.compute = type;
    return numerics;
  }
  /// One-hot rows -> classes; undefined without classes.
  torch::Tensor labels(const std::string& name) const {
    return raw(name).size(-1) == 0 ? torch::Tensor() : raw(name).argmax(-1);
  }
};

/// Sets every parameter and buffer of the module, except those that the fixture does not have (a quantizer's).
void load(const Fixture& fixture, const std::string& prefix, torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_of(module)) tensor.copy_(fixture.at(prefix + name));
}

void store(const torch::nn::Module& module, const std::string& prefix, Tensors& out) {
  for (const auto& [name, tensor] : state_of(module)) out[prefix + name] = tensor.detach().clone();
}

DataInfo data_of(const Fixture& f, int64_t channels, int64_t classes) {
  DataInfo info{};
  info.images = 1000;
  info.channels = channels;
  info.height = info.width = f.integer("resolution");
  info.classes = classes;
  for (int64_t k = 0; k < classes; ++k) info.class_names.push_back(std::to_string(k));
  return info;
}

/// The options of all fixtures, which have small networks.
StyleGan2Options options_of(const Fixture& f) {
  StyleGan2Options options;
  options.channel_base = f.has("channel_base") ? f.integer("channel_base") : 128;
  options.channel_max = f.has("channel_max") ? f.integer("channel_max") : 16;
  options.generator.latent = options.generator.style = 16;
  options.generator.mapping.layers = 3;
  options.batch = f.has("batch") ? f.integer("batch") : 4;
  if (f.has("group")) options.discriminator.group = f.integer("group");
  if (f.has("architecture")) options.discriminator.architecture = f.file.metadata.at("architecture");
  if (f.has("r1_gamma")) options.discriminator.r1.gamma = f.number("r1_gamma");
  return options;
}

NoiseSource replayed_noise(const Fixture& f) {
  return [&f, k = std::make_shared<int>(0)](const NoiseRequest& request) {
    char number[8];
    std::snprintf(number, sizeof number, "%02d", (*k)++);
    return f.at("draws." + std::string(number) + ".noise." + request.layer);
  };
}

Tensors generator(const Fixture& f) {
  auto options = options_of(f);
  const auto plan = options.plan(data_of(f, f.integer("channels"), f.integer("classes")));
  auto random = Streams::unused();
  auto pass = f.numerics().pass(random);
  const auto network = [&](double clamp) {
    options.clamp = clamp;
    StyleGan2Generator made(options, plan, random);
    convert(*made, f.type);
    load(f, "G.", *made);
    return made;
  };
  auto g = network(256), clamped = network(f.number("clamp"));
  const NoiseSource constant = [](const NoiseRequest& r) { return r.constant.unsqueeze(0).unsqueeze(0); };
  const NoiseSource none = [](const NoiseRequest&) { return torch::Tensor(); };
  const auto ws = rows_of_w(g->mapping->forward(f.at("z"), f.labels("c"), pass), plan.rows());
  const auto& average = g->mapping->w_avg;
  const auto part = truncated(ws, average, torch::tensor(0.5, torch::kDouble), 2);
  return {{"ws", ws},
          {"ws_truncated", part},
          {"image.const", g->synthesis->forward(ws, constant, pass)},
          {"image.none", g->synthesis->forward(ws, none, pass)},
          {"image.random", g->synthesis->forward(ws, replayed_noise(f), pass)},
          {"image.clamped", clamped->synthesis->forward(ws, constant, pass)},
          {"image.truncated", g->synthesis->forward(part, constant, pass)},
          {"image.truncated_all",
           g->synthesis->forward(truncated(ws, average, torch::tensor(0.7, torch::kDouble)), constant, pass)}};
}

Tensors discriminator(const Fixture& f) {
  auto options = options_of(f);
  const auto plan = options.plan(data_of(f, f.integer("channels"), f.integer("classes")));
  auto random = Streams::unused();
  auto pass = f.numerics().pass(random);
  const auto logits = [&](double clamp, const torch::Tensor& x) {
    options.clamp = clamp;
    StyleGan2Discriminator made(options, plan, random);
    convert(*made, f.type);
    load(f, "D.", *made);
    return made->forward(x, f.labels("c"), pass).unsqueeze(1);
  };
  const auto x = f.at("x").clone().requires_grad_();
  const auto y = logits(256, x);
  return {{"logits", y},
          {"grad_x", torch::autograd::grad({y.sum()}, {x})[0]},
          {"logits_clamped", logits(f.number("clamp"), x)}};
}

Tensors mapping(const Fixture& f) {
  MappingOptions options{16, 3, 16, 3};
  options.average_decay = 0.995;
  auto random = Streams::unused();
  Mapping network(options, random);
  convert(*network, f.type);
  load(f, "mapping.", *network);
  auto pass = f.numerics().pass(random);
  Tensors out;
  for (int64_t call = 0; call < 4; ++call) {
    const auto name = call < 3 ? std::to_string(call) : "mixing";
    const auto labels = f.labels("c");
    const auto w = network->forward(f.at("z")[call], labels[call], pass);
    if (call < 3) network->track(w, pass);
    out["ws." + name] = rows_of_w(w, 4);
    out["w_avg." + name] = network->w_avg.clone();
  }
  return out;
}

/// A step that takes its draws from a fixture, in order of use.
struct ReplayedStep : Step {
  ReplayedStep(const Fixture& f, const std::string& scope, Tensors inputs, Batch real)
      : Step(Streams::replaying([this, &f, scope, inputs, calls = std::make_shared<std::map<std::string, int>>()](
                                    at::IntArrayRef shape, std::string_view name) {
          const std::string what(name);
          auto& call = (*calls)[what];
          if (what == "labels" || (what == "latents" && call++ == 0)) return inputs.at(what);
          return recorded(f, scope, what, shape);
        })),
        numerics(f.numerics()),
        real(std::move(real)) {}
  torch::Tensor recorded(const Fixture& f, const std::string& scope, const std::string& what, at::IntArrayRef shape) {
    const std::map<std::string, std::string> named = {{"mixing cutoff", "mixing_cutoff"},
                                                      {"mixing", "mixing_uniform"},
                                                      {"latents", "mixing_z"},
                                                      {"noise", "noise."},
                                                      {"path length", "pl_noise"}};
    char number[8];
    std::snprintf(number, sizeof number, "%02d", next_draw++);
    const auto prefix = "draws." + scope + "." + number + "." + named.at(what);
    const auto found = f.file.tensors.lower_bound(prefix);
    if (found == f.file.tensors.end() || !found->first.starts_with(prefix))
      throw std::runtime_error("the fixture has no " + prefix);
    const auto value = what == "mixing cutoff" ? found->second - 1 : found->second;
    return what == "mixing" || what == "mixing cutoff" ? value.reshape({}) : value.reshape(shape);
  }
  Batch next(const std::string&) override { return real; }
  Batch shared(const std::string&) override { return real; }
  Pass pass(std::vector<Segment> segments) override {
    auto pass = numerics.pass(random);
    pass.training = pass.update_state = true;
    pass.segments = std::move(segments);
    return pass;
  }
  void backward(const torch::Tensor& loss) override { loss.backward(); }
  void report(const std::string& name, const torch::Tensor& value) override { reported[name] = value.clone(); }
  void hand_on(const std::string&, std::vector<torch::Tensor>) override {}
  std::vector<torch::Tensor> take(const std::string&) override { return {}; }

  Numerics numerics;
  Batch real;
  Tensors reported;
  int next_draw = 0;
};

void train_only(Family& family, const std::string& trained) {
  for (auto& [name, network] : family.networks)
    for (auto& parameter : network->parameters()) parameter.requires_grad_(name == trained);
}

const Phase& phase_named(const Family& family, const std::string& name) {
  for (const auto& phase : family.phases)
    if (phase.name == name) return phase;
  throw std::runtime_error("no phase " + name);
}

/// What the loss of a phase is called in its reports.
const std::map<std::string, std::string> losses_of = {
    {"Gmain", "loss/generator"}, {"Greg", "loss/path_length"}, {"Dmain", "loss/discriminator"}, {"Dreg", "loss/r1"}};

std::unique_ptr<Family> family_of(const Fixture& f, const StyleGan2Options& options, int64_t classes) {
  auto family = options.build({{"train", data_of(f, 3, classes)}}, f.numerics(), std::nullopt);
  return family;
}

Tensors losses(const Fixture& f) {
  auto options = options_of(f);
  options.generator.path_length.interval = options.discriminator.r1.interval = 1;  // the fixture's gain is 1
  Tensors out;
  const auto run = [&](const std::string& name, const std::vector<std::string>& scopes,
                       const std::vector<torch::Tensor>& z) {
    const auto family = family_of(f, options, 0);
    load(f, "G.", *family->networks.at("generator"));
    load(f, "D.", *family->networks.at("discriminator"));
    const auto& phase = phase_named(*family, name);
    train_only(*family, phase.optimizer);
    for (size_t k = 0; k < scopes.size(); ++k) {
      const auto& scope = scopes[k];
      ReplayedStep step(f, scope, {{"latents", z[k]}}, {f.at("real"), {}});
      phase.gradients(step);
      const auto w_avg = state_of(*family->networks.at("generator")).at("mapping.w_avg").clone();
      if (name != "Dreg") out[scope + ".w_avg"] = w_avg;
      out[scope + ".loss"] = step.reported.at(losses_of.at(name)) * (name == "Greg" ? 2 : 1);
      if (name == "Greg") out[scope + ".pl_mean"] = family->state.at("path_length_mean").clone();
      for (const auto& [key, parameter] : family->networks.at(phase.optimizer)->named_parameters().pairs())
        if (parameter.grad().defined()) out[scope + ".gradient." + key] = parameter.grad().clone();
    }
  };
  const auto z = f.at("z");
  run("Gmain", {"Gmain"}, {z[0]});
  run("Dmain", {"Dmain"}, {z[1]});
  run("Dreg", {"Dreg"}, {z[1]});
  run("Greg", {"Greg.0", "Greg.1"}, {z[2].narrow(0, 0, 2), z[3].narrow(0, 0, 2)});
  return out;
}

Tensors train(const Fixture& f, const std::string& variant) {
  auto options = options_of(f);
  options.generator.path_length.interval = 4;
  options.discriminator.r1.interval = 3;
  options.zero_gradients = variant == "zero";
  options.average.half_life = f.number("ema_images");
  options.average.ramp = f.number("ema_ramp");
  options.generator.adam.learning_rate = options.discriminator.adam.learning_rate = f.number("rate");
  const auto family = family_of(f, options, 3);
  load(f, "start.G.", *family->networks.at("generator"));
  load(f, "start.D.", *family->networks.at("discriminator"));
  copy_state(*family->networks.at("generator"), *family->averages.at("generator").network);
  std::map<std::string, Adam> optimizers;
  for (const auto& [name, spec] : family->optimizers) {
    Tensors parameters;
    for (const auto& [key, parameter] : family->networks.at(name)->named_parameters().pairs())
      parameters[key] = parameter;
    optimizers.emplace(name, Adam(spec, parameters));
  }
  Tensors out;
  for (int64_t i = 0; i < f.integer("iterations"); ++i) {
    char number[8];
    std::snprintf(number, sizeof number, "%02d", static_cast<int>(i));
    for (const auto& phase : family->phases) {
      if (i % phase.interval) continue;
      const auto scope = std::string(number) + "." + phase.name;
      Tensors inputs;
      if (phase.name != "Dreg") {
        const auto rows = phase.name == "Greg" ? options.batch / 2 : options.batch;
        inputs = {{"latents", f.at("z." + scope).narrow(0, 0, rows)},
                  {"labels", f.labels("c." + scope).narrow(0, 0, rows)}};
      }
      ReplayedStep step(f, scope, inputs,
                        {f.at("real." + std::string(number)), f.labels("real_c." + std::string(number))});
      train_only(*family, phase.optimizer);
      auto& optimizer = optimizers.at(phase.optimizer);
      optimizer.clear_gradients();
      phase.gradients(step);
      phase.before_update(step);
      optimizer.step(1);
      optimizer.clear_gradients();
      out["loss." + variant + "." + scope] =
          step.reported.at(losses_of.at(phase.name)) * (phase.name == "Greg" ? 2 : 1);
    }
    const auto& average = family->averages.at("generator");
    update_average(average, *family->networks.at("generator"), {i, options.batch, i * options.batch});
  }
  store(*family->networks.at("generator"), "final." + variant + ".G.", out);
  store(*family->networks.at("discriminator"), "final." + variant + ".D.", out);
  store(*family->averages.at("generator").network, "final." + variant + ".G_ema.", out);
  out["final." + variant + ".pl_mean"] = family->state.at("path_length_mean");
  return out;
}

Tensors training(const Fixture& f) {
  auto out = train(f, "zero");
  out.merge(train(f, "none_cuda"));
  return out;
}

Tensors model(const Fixture& f) {
  const auto path = f.file.metadata.at("model");
  const auto model = load_model(load_checkpoint(path), path, f.numerics());
  const auto generator = model.family->generator->open(Weights::average);
  auto random = Streams::unused();
  auto pass = f.numerics().pass(random);
  Latents latents;
  latents.z = f.at("z");
  latents.labels = f.labels("c");
  latents.noise = NoiseMode::constant;
  Batch images;
  images.images = f.at("x");
  images.labels = f.labels("x_c");
  return {{"ws", rows_of_w(generator.map(latents, pass), generator.space.layers)},
          {"image.const", generator.images(latents, pass)},
          {"logits", model.family->scorer->logits(images, pass)}};
}

Tensors primitives(const Fixture& f) {
  auto random = Streams::unused();
  auto pass = f.numerics().pass(random);
  return test::stylegan2_primitives(f.file.tensors, f.type, pass);
}

const std::map<std::string, std::function<Tensors(const Fixture&)>> kinds = {{"primitives", primitives},
                                                                             {"generator", generator},
                                                                             {"discriminator", discriminator},
                                                                             {"mapping", mapping},
                                                                             {"losses", losses},
                                                                             {"training", training},
                                                                             {"model", model}};

}  // namespace
}  // namespace fqgan

int main(int argc, char** argv) {
  using namespace fqgan;
  if (argc < 4) return std::fprintf(stderr, "usage: fqgan_stylegan2_dump KIND IN OUT [float32]\n"), 2;
  Fixture fixture{load_checkpoint(argv[2], false)};
  if (argc > 4) fixture.type = torch::kFloat;
  Checkpoint result;
  for (const auto& [name, tensor] : kinds.at(argv[1])(fixture))
    result.tensors[name] = tensor.detach().to(torch::kDouble).contiguous();
  save_checkpoint(argv[3], result);
}
