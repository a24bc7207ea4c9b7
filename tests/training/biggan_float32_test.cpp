// CIFAR-10's recipe at full width, batch 4, one iteration in float32: how far it is from float64, against how far the
// reference is (fixtures/make_biggan_float32_reference.py).
#include <cmath>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/models/biggan/discriminator.h"
#include "fqgan/models/biggan/generator.h"
#include "fqgan/training/loop.h"
#include "support/gradients.h"
#include "support/support.h"
#include "training/biggan_reference.h"

namespace fqgan::test {
namespace {

using Values = std::map<std::string, torch::Tensor>;

BigGanOptions full_width() {
  BigGanOptions options;
  options.batch = 4;
  options.initialisation = "normal";
  options.quantizer.taps = {"block0", "block1", "block2", "block3"};
  options.quantizer.codes = 1024;
  return options;
}

/// G's images and D's logits of them and of real images, of a family of its own: passes move spectral vectors.
void add_first_forward(Values& values, const NoiseImages& images, const Numerics& numerics, uint64_t seed) {
  const auto family = full_width().build({{"train", images.info()}}, numerics, seed);
  TestPass t;
  t.pass.training = t.pass.update_state = true;
  t.pass.reference_operators = numerics.reference_operators;
  t.pass.compute = numerics.compute;
  torch::NoGradGuard no_grad;
  const auto latents = Streams(seed, {}).normal({4, 128}, "z").to(numerics.parameters());
  const auto labels = torch::tensor({0, 1, 2, 0}, torch::kLong);
  auto* generator = dynamic_cast<BigGanGeneratorImpl*>(family->networks.at("generator").get());
  const auto made = generator->forward(latents, labels, t.pass);
  auto pixels = torch::empty({4, 32, 32, 3}, torch::kByte);
  for (int64_t i = 0; i < 4; ++i) images.read(i, pixels[i].mutable_data_ptr<uint8_t>());
  const auto real = pixels.permute({0, 3, 1, 2}).contiguous().to(numerics.compute) / 127.5 - 1;
  const auto logits = family->scorer->logits({at::cat({made, real}), at::cat({labels, labels})}, t.pass);
  for (const auto& [name, value] : Values{{"images", made}, {"logits", logits}}) {
    auto& all = values[name];
    const auto exact = value.to(torch::kDouble);
    all = all.defined() ? at::cat({all, exact}) : exact;
  }
}

/// The first gradient of D and G's of one iteration, each as one vector, and what add_first_forward adds.
Values full_width_iteration(torch::ScalarType type, bool reference_operators) {
  const NoiseImages images(32);
  const Numerics numerics{torch::kCPU, type, reference_operators};
  Values values;
  for (uint64_t seed = 1; seed <= 5; ++seed) add_first_forward(values, images, numerics, seed);
  const auto family = full_width().build({{"train", images.info()}}, numerics, 1);
  for (auto& phase : family->phases)
    phase.before_update = [&, name = phase.trains.at(0)](Step&) {
      std::vector<torch::Tensor> all;
      for (const auto& parameter : family->networks.at(name)->parameters()) all.push_back(parameter.grad().flatten());
      values.emplace("gradient." + name, at::cat(all).to(torch::kDouble));  // the first stays
    };
  Loop(*family, {{"train", &images}}, {}).iterate();
  return values;
}

TEST(BigGanNumerics, Float32IsAtMostThreeTimesAsFarFromFloat64AsTheReference) {
  const auto reference = load_checkpoint("tests/parity/fixtures/biggan_float32.safetensors", false).tensors;
  const auto exact = full_width_iteration(torch::kDouble, true), fast = full_width_iteration(torch::kFloat, false),
             plain = full_width_iteration(torch::kFloat, true);
  ASSERT_EQ(reference.size(), exact.size());
  for (const auto& [name, value] : exact) {
    const auto error = [&, &name = name, &value = value](const Values& found) {
      return ((found.at(name) - value).norm() / value.norm()).item<double>();
    };
    // The reference's mean over its seeds: one ReLU or code that falls to the other side dominates a gradient's error.
    const auto allowed = 3 * reference.at(name).mean().item<double>();
    EXPECT_LT(error(fast), allowed) << name;
    EXPECT_LT(error(plain), allowed) << name;
    EXPECT_GT(error(fast), 0) << name << ": nothing was compared";
    // At the same point, the plain sequence of operators has to pass the same ReLUs and codes.
    EXPECT_LT(error(fast), 3 * error(plain)) << name;
    RecordProperty(name + " fast", std::to_string(error(fast) * 1e6) + "e-6");
    RecordProperty(name + " plain", std::to_string(error(plain) * 1e6) + "e-6");
    RecordProperty(name + " reference", std::to_string(allowed / 3 * 1e6) + "e-6");
  }
}

}  // namespace
}  // namespace fqgan::test
