// BigGAN against YangNaruto/FQ-GAN's FQ-BigGAN in float64, on recorded values: one forward and all gradients, and ten
// iterations of the training loop (4 D steps + 1 G step, Adam, spectral vectors, dictionaries, averages).
#include "training/biggan_reference.h"

#include <cmath>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/models/biggan/discriminator.h"
#include "fqgan/models/biggan/generator.h"
#include "fqgan/models/biggan/import.h"
#include "fqgan/nn/copy.h"
#include "fqgan/training/loop.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

class BigGanReference : public testing::TestWithParam<const char*> {
 protected:
  BigGanReference() : options(reference_options(GetParam())), images(reference_size(GetParam())) {
    record = load_checkpoint("tests/parity/fixtures/biggan_" + std::string(GetParam()) + ".safetensors", false).tensors;
    family = build();
    import("generator.", *family->networks.at("generator"));
    import("discriminator.", *family->networks.at("discriminator"));
    import("generator.", *family->averages.at("generator").network);
  }

  std::unique_ptr<Family> build() const {
    return options.build(images.info(), {torch::kCPU, torch::kDouble, /*twin=*/true}, 1);
  }

  ForeignWeights recorded(const std::string& prefix) const {
    ForeignWeights weights{prefix, {}};
    for (const auto& [name, tensor] : record)
      if (name.starts_with(prefix)) weights.tensors.emplace(name.substr(prefix.size()), tensor);
    return weights;
  }
  void import(const std::string& prefix, torch::nn::Module& network) const { import_biggan(network, recorded(prefix)); }

  void expect_near(const torch::Tensor& ours, const torch::Tensor& theirs, double tolerance, const std::string& what) {
    EXPECT_LT((ours - theirs).abs().max().item<double>(), tolerance * std::max(1., theirs.abs().max().item<double>()))
        << what;
  }

  /// Every tensor of `network` against the record under `prefix`; `expected` is a network to read it into.
  void expect_state(torch::nn::Module& network, torch::nn::Module& expected, const std::string& prefix,
                    double tolerance) {
    import(prefix, expected);
    const auto theirs = state_of(expected);
    for (const auto& [name, tensor] : state_of(network))
      if (!name.ends_with("idle_updates")) expect_near(tensor, theirs.at(name), tolerance, prefix + name);
  }

  /// The gradients of `network`, read as if they were its parameters.
  void expect_gradients_of(torch::nn::Module& network, torch::nn::Module& expected, const std::string& name) {
    auto weights = recorded(name + ".");
    for (const auto& [key, gradient] : recorded("gradient." + name + ".").tensors) weights.tensors[key] = gradient;
    import_biggan(expected, weights);
    const auto theirs = expected.named_parameters();
    int64_t compared = 0;
    for (const auto& parameter : network.named_parameters()) {
      if (!parameter.value().grad().defined()) continue;
      expect_near(parameter.value().grad(), theirs[parameter.key()], 1e-8, parameter.key());
      ++compared;
    }
    EXPECT_EQ(compared, static_cast<int64_t>(recorded("gradient." + name + ".").tensors.size()));
  }

  BigGanOptions options;
  NoiseImages images;
  std::map<std::string, torch::Tensor> record;
  std::unique_ptr<Family> family;
};

TEST_P(BigGanReference, ImagesLogitsLossesAndAllGradients) {
  const auto z = record.at("z.0.0.0"), y = record.at("y.0.0.0");
  auto* generator = dynamic_cast<BigGanGeneratorImpl*>(family->networks.at("generator").get());
  auto* discriminator = dynamic_cast<BigGanDiscriminatorImpl*>(family->networks.at("discriminator").get());
  for (auto& [name, network] : family->networks)
    for (auto& parameter : network->parameters()) parameter.requires_grad_(true);
  TestPass t;
  t.pass.training = t.pass.update_state = t.pass.twin = true;
  const auto made = generator->forward(z, y, t.pass);
  const auto logits = discriminator->forward(made, y, t.pass);
  torch::Tensor quantized = torch::zeros({4}, torch::kDouble);
  for (const auto& report : t.pass.reports) quantized = quantized + report.loss;
  expect_near(made, record.at("images"), 1e-8, "images");
  expect_near(logits, record.at("logits"), 1e-8, "logits");
  expect_near(quantized, record.at("quantized"), 1e-8, "FQ losses");
  (-logits.mean() + t.pass.tap_loss()).backward();
  const auto scratch = build();
  expect_gradients_of(*generator, *scratch->networks.at("generator"), "generator");
  expect_gradients_of(*discriminator, *scratch->networks.at("discriminator"), "discriminator");
}

TEST_P(BigGanReference, TenIterations) {
  // The record was made with the latents that our streams draw.
  Streams first(reference_seed, Counters{0, 0, 0});
  expect_near(first.normal(record.at("z.0.0.0").sizes(), "latents").to(torch::kDouble), record.at("z.0.0.0"), 1e-5,
              "the latents differ from the recorded ones: make the fixtures anew");
  LoopOptions loop_options;
  loop_options.seed = reference_seed;
  loop_options.training.iterations = 1000;
  loop_options.fine_tune = true;  // the weights are there
  Loop loop(*family, {{"train", &images}}, loop_options);
  for (int64_t i = 0; i < reference_iterations; ++i) loop.iterate();
  const auto scratch = build();
  expect_state(*family->networks.at("generator"), *scratch->networks.at("generator"), "after.generator.", 1e-6);
  expect_state(*family->networks.at("discriminator"), *scratch->networks.at("discriminator"), "after.discriminator.",
               1e-6);
  expect_state(*family->averages.at("generator").network, *scratch->networks.at("generator"), "after.average.", 1e-6);
}

// Every objective, with the penalty, both orthogonal regularizations and accumulation, runs and stays finite.
TEST(BigGanObjectives, TrainWithEveryOption) {
  for (const auto& loss : {"hinge", "non_saturating", "lsgan", "wasserstein"}) {
    auto options = reference_options("hierarchical");
    options.loss = loss;
    options.accumulate = 2;
    options.discriminator.gradient_penalty = 10;
    options.discriminator.orthogonal = options.generator.orthogonal = 1e-4;
    const NoiseImages images(reference_size("hierarchical"));
    const auto family = options.build(images.info(), {}, 1);
    const auto before = family->networks.at("generator")->named_parameters()["linear.weight"].clone();
    Loop loop(*family, {{"train", &images}}, {});
    for (int i = 0; i < 2; ++i) loop.iterate();
    const auto after = family->networks.at("generator")->named_parameters()["linear.weight"];
    EXPECT_TRUE(torch::isfinite(after).all().item<bool>()) << loss;
    EXPECT_FALSE(torch::equal(before, after)) << loss;
  }
}

// CIFAR-10's recipe at full width, batch 4. The plain sequence of operators in float32 is what the reference computes
// there (in float64 the two are equal, above): our fast form may be at most three times as far from float64.
TEST(BigGanNumerics, Float32IsAsCloseToFloat64AsThePlainSequence) {
  auto options = BigGanOptions();
  options.batch = 4;
  options.initialisation = "normal";
  options.discriminator.steps = 1;
  options.quantizer.taps = {"block0", "block1", "block2", "block3"};
  options.quantizer.codes = 1024;
  const NoiseImages images(32);
  using Gradients = std::map<std::string, torch::Tensor>;
  const auto run = [&](torch::ScalarType type, bool twin) {
    const auto family = options.build(images.info(), {torch::kCPU, type, twin}, 1);
    Gradients gradients;
    for (auto& phase : family->phases)
      phase.before_update = [&, name = phase.trains.at(0)](Step&) {
        for (const auto& parameter : family->networks.at(name)->named_parameters())
          gradients[name + "." + parameter.key()] = parameter.value().grad().to(torch::kDouble).clone();
      };
    Loop(*family, {{"train", &images}}, {}).iterate();
    return gradients;
  };
  const auto exact = run(torch::kDouble, true);
  const auto error = [&](const Gradients& found, const std::string& network) {
    double difference = 0, total = 0;
    for (const auto& [name, gradient] : exact) {
      if (!name.starts_with(network)) continue;
      difference += (found.at(name) - gradient).pow(2).sum().item<double>();
      total += gradient.pow(2).sum().item<double>();
    }
    return std::sqrt(difference / total);
  };
  const auto fast = run(torch::kFloat, false), plain = run(torch::kFloat, true);
  for (const std::string network : {"generator", "discriminator"}) {
    EXPECT_LT(error(fast, network), 3 * error(plain, network)) << network;
    EXPECT_LT(error(fast, network), 1e-2) << network;
    RecordProperty(network + " fast", std::to_string(error(fast, network)));
    RecordProperty(network + " plain", std::to_string(error(plain, network)));
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, BigGanReference, testing::Values("plain", "hierarchical"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace fqgan::test
