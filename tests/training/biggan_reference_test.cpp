// BigGAN against YangNaruto/FQ-GAN's FQ-BigGAN in float64, on recorded values: one forward and all gradients of both
// objectives, the gradients that the loop hands to the optimizers, and ten iterations of it (4 D steps + 1 G step,
// Adam, spectral vectors, dictionaries, averages).
#include "training/biggan_reference.h"

#include <algorithm>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/losses/adversarial.h"
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
    return options.build({{"train", images.info()}}, {torch::kCPU, torch::kDouble, /*reference_operators=*/true}, 1);
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
      if (!name.ends_with("idle_updates") && !name.ends_with(".v"))  // ours alone
        expect_near(tensor, theirs.at(name), tolerance, prefix + name);
  }

  /// The gradients of `network`, read as if they were its parameters: of the record under "gradient.<objective>.".
  void expect_gradients_of(torch::nn::Module& network, const std::string& name, const std::string& objective) {
    const auto scratch = build();
    auto& expected = *scratch->networks.at(name);
    auto weights = recorded(name + ".");
    const auto gradients = recorded("gradient." + objective + ".").tensors;
    for (const auto& [key, gradient] : gradients) weights.tensors[key] = gradient;
    import_biggan(expected, weights);
    const auto theirs = expected.named_parameters();
    int64_t compared = 0;
    for (const auto& parameter : network.named_parameters()) {
      if (!parameter.value().grad().defined()) continue;
      expect_near(parameter.value().grad(), theirs[parameter.key()], 1e-8, parameter.key());
      ++compared;
    }
    EXPECT_EQ(compared, static_cast<int64_t>(gradients.size()));
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
  t.pass.training = t.pass.update_state = t.pass.reference_operators = true;
  const auto made = generator->forward(z, y, t.pass);
  const auto logits = discriminator->forward(made, y, t.pass);
  torch::Tensor quantized = torch::zeros({4}, torch::kDouble);
  for (const auto& report : t.pass.reports) quantized = quantized + report.loss;
  expect_near(made, record.at("images"), 1e-8, "images");
  expect_near(logits, record.at("logits"), 1e-8, "logits");
  expect_near(quantized, record.at("quantized"), 1e-8, "FQ losses");
  (-logits.mean() + t.pass.tap_loss()).backward();
  expect_gradients_of(*generator, "generator", "generator");
  expect_gradients_of(*discriminator, "discriminator", "discriminator");
}

// BigGAN-PyTorch saves u and not v, which an import computes.
TEST_P(BigGanReference, ImportsVFromUAndTheWeight) {
  auto& discriminator = *family->networks.at("discriminator");
  const auto state = state_of(discriminator);
  const auto weight = state.at("block1.conv2.weight").detach().flatten(1), u = state.at("block1.conv2.u");
  const auto v = at::mv(weight.t(), u);
  expect_near(state.at("block1.conv2.v"), v / v.norm(), 1e-12, "v");
  const auto fresh = build();
  EXPECT_FALSE(torch::equal(u, state_of(*fresh->networks.at("discriminator")).at("block1.conv2.u")));
}

TEST_P(BigGanReference, TheJointStepsLosses) {
  auto* generator = dynamic_cast<BigGanGeneratorImpl*>(family->networks.at("generator").get());
  auto* discriminator = dynamic_cast<BigGanDiscriminatorImpl*>(family->networks.at("discriminator").get());
  TestPass made, scored;
  made.pass.training = made.pass.update_state = made.pass.reference_operators = true;
  scored.pass.training = scored.pass.update_state = scored.pass.reference_operators = true;
  scored.pass.segments = {{Role::fake, 4}, {Role::real, 4}};
  torch::NoGradGuard no_grad;
  const auto y = record.at("y.0.0.0");
  const auto fakes = generator->forward(record.at("z.0.0.0"), y, made.pass);
  const auto reals = record.at("use.pixels").to(torch::kDouble) / 127.5 - 1;
  const auto labels = at::cat({y, record.at("use.labels")});
  const auto logits = discriminator->forward(at::cat({fakes, reals}), labels, scored.pass);
  ASSERT_EQ(scored.pass.reports.size(), 4u);  // two taps, fakes and reals
  for (const auto& report : scored.pass.reports)
    expect_near(report.loss, record.at("joint.quantized." + report.tap).narrow(0, report.role == Role::fake ? 0 : 4, 4),
                1e-8, report.tap + " " + role_name(report.role));
  const auto adversarial =
      adversarial_loss(options.loss)
          .discriminator(scored.pass.rows_of(logits, Role::real), scored.pass.rows_of(logits, Role::fake));
  expect_near(adversarial + scored.pass.tap_loss(), record.at("joint.loss"), 1e-8, "D's loss");
}

// What the phases hand to the optimizers: Adam would hide a factor that is the same everywhere.
TEST_P(BigGanReference, TheLoopsGradients) {
  const std::map<std::string, std::string> objectives = {{"discriminator", "joint"}, {"generator", "generator"}};
  const auto phases = family->phases;
  for (const auto& phase : phases) {
    const auto fresh = build();
    for (const auto& [name, network] : fresh->networks) import(name + ".", *network);
    fresh->phases = {*std::find_if(fresh->phases.begin(), fresh->phases.end(),
                                   [&](const Phase& other) { return other.name == phase.name; })};
    int64_t updates = 0;
    fresh->phases[0].before_update = [&](Step&) {
      if (updates++ == 0) expect_gradients_of(*fresh->networks.at(phase.name), phase.name, objectives.at(phase.name));
    };
    LoopOptions loop_options;
    loop_options.seed = reference_seed;
    loop_options.fine_tune = true;                               // the weights are there
    Loop(*fresh, {{"train", &images}}, loop_options).iterate();  // its only phase draws what the record's first drew
    EXPECT_EQ(updates, phase.repeats) << phase.name;
  }
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

INSTANTIATE_TEST_SUITE_P(Variants, BigGanReference, testing::Values("plain", "hierarchical"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace fqgan::test
