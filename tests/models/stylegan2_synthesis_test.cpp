// StyleGAN2's synthesis as a function of w and of the noise of its layers: the images of the generator, with gradients
// in both.
#include "fqgan/models/stylegan2/options.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// Images of 8 x 8 pixels, in float64, where the noise counts.
Generator small_generator() {
  StyleGan2Options options;
  options.batch = options.discriminator.group = 2;
  options.channel_base = 32;
  options.channel_max = 4;
  options.generator.latent = options.generator.style = 6;
  options.generator.mapping.layers = 1;
  Numerics numerics;
  numerics.compute = torch::kDouble;
  const auto family = options.build({{"train", {10, 3, 8, 8, 0, {}}}}, numerics, 1);
  auto generator = family->generator->open(Weights::raw);
  torch::NoGradGuard no_grad;
  for (auto& parameter : generator.network->named_parameters()) {
    parameter.value().set_requires_grad(false);
    if (parameter.key().ends_with("noise_strength")) parameter.value().fill_(0.3);
  }
  return generator;
}

TEST(StyleGan2Synthesis, WithTheConstantNoiseItIsTheGenerator) {
  const auto generator = small_generator();
  const auto& synthesis = *generator.synthesis;
  std::vector<std::string> names;
  for (const auto& [name, noise] : synthesis.noise) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"b4.conv1", "b8.conv0", "b8.conv1"}));
  TestPass test;
  Latents latents;
  latents.w = leaf({2, 6}).detach();
  latents.noise = NoiseMode::constant;
  const auto found = synthesis.images(latents.w, synthesis.noise, test.pass);
  EXPECT_TRUE(torch::equal(found.clamp(-1, 1), generator.images(latents, test.pass)));
  EXPECT_TRUE(
      torch::equal(synthesis.images(latents.w.unsqueeze(1).repeat({1, 4, 1}), synthesis.noise, test.pass), found));
}

TEST(StyleGan2Synthesis, HasGradientsInWAndInTheNoise) {
  const auto generator = small_generator();
  const auto& synthesis = *generator.synthesis;
  TestPass test;
  const auto images = [&](const std::vector<torch::Tensor>& inputs) {
    const std::map<std::string, torch::Tensor> noise{
        {"b4.conv1", inputs[1]}, {"b8.conv0", inputs[2]}, {"b8.conv1", inputs[3]}};
    return synthesis.images(inputs[0], noise, test.pass);
  };
  expect_gradients(images, {leaf({1, 6}), leaf({4, 4}, 2), leaf({8, 8}, 3), leaf({8, 8}, 4)});
}

}  // namespace
}  // namespace fqgan::test
