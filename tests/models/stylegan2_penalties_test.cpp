// The penalties of StyleGAN2 run in the type of the activations: in bfloat16 their gradients are those of float32, but
// for rounding.
#include <cmath>

#include "fqgan/models/stylegan2/options.h"
#include "models/quiet_step.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// Computes gradients in one type, with the same images in each.
struct BackwardStep : QuietStep {
  explicit BackwardStep(at::ScalarType type) : type(type) {}
  Batch shared(const std::string&) override { return {Streams(5, {}).normal({8, 3, 32, 32}, "images"), {}}; }
  Pass pass(std::vector<Segment> segments) override {
    auto pass = QuietStep::pass(std::move(segments));
    pass.compute = type;
    return pass;
  }
  void backward(const torch::Tensor& loss) override { loss.backward(); }
  at::ScalarType type;
};

/// The gradients of one phase, of all parameters of its network that have one.
std::map<std::string, torch::Tensor> gradients_of(const std::string& name, at::ScalarType type) {
  StyleGan2Options options;
  options.batch = 8;
  options.channel_base = 1024;
  options.channel_max = 32;
  options.generator.mapping.layers = 2;
  Numerics numerics;
  numerics.compute = type;
  const auto family = options.build({{"train", {10, 3, 32, 32, 0, {}}}}, numerics, 1);
  std::map<std::string, torch::Tensor> gradients;
  for (const auto& phase : family->phases) {
    if (phase.name != name) continue;
    BackwardStep step(type);
    phase.gradients(step);
    for (const auto& parameter : family->networks.at(phase.trains.at(0))->named_parameters())
      if (parameter.value().grad().defined()) gradients[parameter.key()] = parameter.value().grad();
  }
  return gradients;
}

TEST(StyleGan2Penalties, HaveNearlyTheSameGradientsInBfloat16) {
  for (const std::string phase : {"Greg", "Dreg"}) {
    const auto wide = gradients_of(phase, at::kFloat), narrow = gradients_of(phase, at::kBFloat16);
    ASSERT_GT(wide.size(), 8u);
    EXPECT_EQ(narrow.size(), wide.size());
    double apart = 0, size = 0;  // of biases and strengths of the noise little is left but rounding
    for (const auto& [name, expected] : wide) {
      const auto& found = narrow.at(name);
      EXPECT_EQ(found.scalar_type(), at::kFloat);
      const auto distance = (found - expected).norm().item<double>(), norm = expected.norm().item<double>();
      if (name.ends_with("weight")) {
        EXPECT_LT(distance, 0.15 * norm) << phase << " of " << name;
      }
      apart += distance * distance;
      size += norm * norm;
    }
    EXPECT_LT(std::sqrt(apart / size), 0.05) << phase;
  }
}

}  // namespace
}  // namespace fqgan::test
