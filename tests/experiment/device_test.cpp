// Whole iterations on an accelerator against float64 on the CPU. The random draws are the same on all devices, so that
// the losses and, in float64, the trained weights agree.
#include "support/device.h"

#include "fqgan/experiment/recipe.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/models/registry.h"
#include "fqgan/profiling/noise_images.h"
#include "fqgan/training/loop.h"
#include "stubs/stub_families.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

struct Trained {
  std::map<std::string, double> entries;  // of the first iteration
  std::map<std::string, torch::Tensor> tensors;
};

struct FirstReport : Observer {
  explicit FirstReport(Trained& trained) : trained(trained) {}
  void on_report(const Report& report) override {
    if (trained.entries.empty()) trained.entries = report.entries;
  }
  Trained& trained;
};

Trained train(const Recipe& recipe, const NoiseImages& images, const Numerics& numerics) {
  const auto family = recipe.model->build(infos_of(recipe.model->datasets(), images.info()), numerics, 1);
  LoopOptions options;
  options.seed = 1;
  options.training.iterations = 2;
  options.training.log_every = 1;
  options.training.sample_every = 0;
  Loop loop(*family, everywhere(*recipe.model, images), options);
  Trained trained;
  FirstReport report(trained);
  loop.run({&report});
  trained.tensors = loop.checkpoint().tensors;
  for (const auto& [name, network] : family->networks)
    for (const auto& parameter : network->parameters()) EXPECT_EQ(parameter.device(), numerics.device) << name;
  return trained;
}

class TrainingOnDevice : public OnDevice {
 protected:
  void expect_as_on_cpu(const Recipe& recipe, int64_t channels, int64_t size) {
    const NoiseImages images(channels, size, size, 10);
    const auto expected = train(recipe, images, {torch::kCPU, torch::kDouble, true});
    const auto found = train(recipe, images, {device, torch::kDouble, true});
    for (const auto& [name, tensor] : expected.tensors) {
      const auto other = found.tensors.at(name);
      EXPECT_TRUE(torch::allclose(other.to(torch::kCPU, torch::kDouble), tensor.to(torch::kDouble), 1e-6, 1e-6))
          << name << " is off by " << distance_between(other, tensor);
    }
    expect_losses(train(recipe, images, {device, torch::kFloat}), expected, 1e-3);
    expect_losses(train(recipe, images, {device, torch::kBFloat16}), expected, 0.1);
  }

 private:
  static void expect_losses(const Trained& found, const Trained& expected, double tolerance) {
    for (const auto& [name, value] : expected.entries)
      if (name.starts_with("loss/") || name.starts_with("logit/")) {
        EXPECT_NEAR(found.entries.at(name), value, tolerance * std::max(1., std::abs(value))) << name;
      }
  }
};

TEST_F(TrainingOnDevice, FollowsTheRecipesAsOnTheCpu) {
  for (const std::string name : {"quickstart", "biggan/cifar10-fq", "improved/mnist-100-labels-fq",
                                 "improved/cifar10-minibatch-discrimination"}) {
    SCOPED_TRACE(name);
    auto text = RecipeText::from_file("recipes/" + name + ".toml");
    text.set("model.batch=10");
    if (name == "biggan/cifar10-fq") text.set("model.generator.width=16"), text.set("model.discriminator.width=16");
    const auto recipe = read_recipe(text);
    const bool mnist = name.find("mnist") != std::string::npos;
    expect_as_on_cpu(*recipe, mnist || name == "quickstart" ? 1 : 3, mnist ? 28 : 32);
  }
}

TEST_F(TrainingOnDevice, UsesEveryTechniqueAsOnTheCpu) {
  for (const std::string quantizer :
       {"average = \"zero_debiased\"\norder = \"real_then_fake\"",
        "initialisation = \"kmeans\"\nmode = \"straight_through\"", "dead_code_threshold = 0.5"}) {
    auto text = RecipeText::from_string(
        "family = \"biggan\"\n[model]\nbatch = 8\nshare_fakes = true\n[model.generator]\nwidth = 8\nnorm = "
        "\"virtual_batch\"\nhistorical_averaging = 0.1\n[model.discriminator]\nwidth = 8\ngradient_penalty = 1\n"
        "noise = 0.1\n[model.quantizer]\ntaps = [\"block0\", \"block2\"]\n" +
            quantizer,
        "options");
    SCOPED_TRACE(quantizer);
    expect_as_on_cpu(*read_recipe(text), 3, 32);
  }
}

TEST_F(TrainingOnDevice, TrainsStyleGan2AsOnTheCpu) {
  auto text = RecipeText::from_string(
      "family = \"stylegan2\"\n[model]\nbatch = 8\nchannel_base = 256\nchannel_max = 32\n[model.generator]\n"
      "latent = 32\nstyle = 32\n[model.quantizer]\ntaps = [\"b32\", \"b16\"]\ncodes = 16",
      "options");
  expect_as_on_cpu(*read_recipe(text), 3, 32);
}

TEST_F(TrainingOnDevice, TrainsEveryStubAsOnTheCpu) {
  add_stub_families();
  for (const auto& name : family_names()) {
    if (!name.starts_with("stub_")) continue;
    SCOPED_TRACE(name);
    const auto recipe = default_recipe(name);
    recipe->model->batch = 4;
    expect_as_on_cpu(*recipe, 1, 8);
  }
}

}  // namespace
}  // namespace fqgan::test
