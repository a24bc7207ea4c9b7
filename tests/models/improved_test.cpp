// The improved family: rows of D that do not meet, taps, gradients of the right networks, and what it refuses.
#include "fqgan/core/error.h"
#include "fqgan/inference/sampler.h"
#include "fqgan/models/improved/networks.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

const DataInfo digits{100, 1, 6, 5, 3, {"a", "b", "c"}, 70};

ImprovedOptions few_units() {
  ImprovedOptions options;
  options.batch = 4;
  options.generator.hidden = {8, 8};
  options.discriminator.hidden = {12, 10, 8};
  return options;
}

TEST(Improved, NetworksHaveTheReleasedShapes) {
  const DataInfo mnist{1000, 1, 28, 28, 10, std::vector<std::string>(10, "x"), 0};
  const auto family = ImprovedOptions().build({{"train", mnist}}, {}, 1);
  std::map<std::string, torch::Tensor> parameters;
  for (const auto& [name, network] : family->networks)
    for (const auto& entry : network->named_parameters()) parameters[name + "." + entry.key()] = entry.value();
  EXPECT_EQ(parameters.at("discriminator.hidden1.weight").sizes(), (std::vector<int64_t>{1000, 784}));
  EXPECT_EQ(parameters.at("discriminator.hidden5.weight").sizes(), (std::vector<int64_t>{250, 250}));
  EXPECT_TRUE(parameters.count("discriminator.head.output.scale"));
  EXPECT_FALSE(parameters.count("discriminator.hidden1.scale"));  // the hidden scales are not trained
  EXPECT_EQ(parameters.at("generator.output.weight").sizes(), (std::vector<int64_t>{784, 500}));
  EXPECT_FALSE(parameters.count("generator.norm1.gain"));  // batch norm without gain
  EXPECT_NEAR(parameters.at("discriminator.hidden1.weight").std().item<double>(), 0.1, 1e-3);
  EXPECT_NEAR(parameters.at("discriminator.head.output.weight").std().item<double>(), 0.1, 5e-3);
}

TEST(Improved, ConvolutionalNetworksHaveTheReleasedShapes) {
  ImprovedOptions options;
  options.network = "convolutional";
  const auto family = options.build({{"train", {1000, 3, 32, 32, 10, std::vector<std::string>(10, "x"), 0}}}, {}, 1);
  std::map<std::string, torch::Tensor> parameters;
  int64_t count = 0;
  for (const auto& [name, network] : family->networks)
    for (const auto& entry : network->named_parameters()) {
      parameters[name + "." + entry.key()] = entry.value();
      if (name == "discriminator") count += entry.value().numel();
    }
  EXPECT_EQ(parameters.at("generator.linear.weight").sizes(), (std::vector<int64_t>{8192, 100}));
  EXPECT_EQ(parameters.at("generator.conv1.weight").sizes(), (std::vector<int64_t>{512, 256, 5, 5}));
  EXPECT_EQ(parameters.at("generator.output.weight").sizes(), (std::vector<int64_t>{128, 3, 5, 5}));
  EXPECT_TRUE(parameters.count("generator.output.scale"));
  EXPECT_NEAR(parameters.at("discriminator.conv7.weight").std().item<double>(), 0.05, 1e-3);
  EXPECT_NEAR(parameters.at("generator.linear.weight").std().item<double>(), 0.05, 1e-3);
  EXPECT_EQ(parameters.at("discriminator.conv7.weight").sizes(), (std::vector<int64_t>{192, 192, 3, 3}));
  EXPECT_EQ(parameters.at("discriminator.conv9.weight").sizes(), (std::vector<int64_t>{192, 192, 1, 1}));
  // 3x3: 3-96-96-96-192-192-192-192, 1x1: 192-192-192, linear 10; a bias each, and the last scale.
  EXPECT_EQ(count,
            9 * (3 * 96 + 2 * 96 * 96 + 96 * 192 + 3 * 192 * 192) + 2 * 192 * 192 + 1920 + 3 * 96 + 6 * 192 + 20);
  Streams random(1, {});
  Pass pass(random);
  SampleOptions request;
  EXPECT_EQ(family->classifier->logits({open_sampler(*family, request)->next(2).pixels, {}}, pass).sizes(),
            (std::vector<int64_t>{2, 10}));
}

TEST(Improved, ConvolutionalGradientsAreRight) {
  auto options = few_units();
  options.network = "convolutional";
  options.discriminator.hidden = {2, 3, 2};
  options.generator.hidden = {3, 2};
  options.generator.latent = 3;
  const DataInfo info{100, 2, 12, 12, 3, {"a", "b", "c"}};
  Streams random(2, {});
  const auto discriminator = make_discriminator(options, info, random);
  const auto generator = make_generator(options, info, random);
  discriminator->to(torch::kDouble);
  generator->to(torch::kDouble);
  expect_gradients(
      [&](const auto& x) {
        TestPass t;
        t.pass.training = true;
        return discriminator->forward(generator->forward(x[0], t.pass), t.pass);
      },
      {leaf({4, 3})}, 1e-5);
}

TEST(Improved, OneForwardForAllRowsIsWhatSeveralAre) {
  Streams random(2, {});
  const auto network = make_discriminator(few_units(), digits, random);
  network->to(torch::kDouble);
  const auto images = torch::rand({7, 1, 6, 5}, torch::kDouble) * 2 - 1;
  Pass pass(random);  // without noise
  pass.compute = torch::kDouble;
  const auto together = network->forward(images, pass);
  const auto apart =
      at::cat({network->forward(images.narrow(0, 0, 3), pass), network->forward(images.narrow(0, 3, 4), pass)});
  EXPECT_TRUE(at::allclose(together, apart, 1e-12));
}

TEST(Improved, KeepsFeaturesOfATapBeforeItsNoise) {
  Streams random(2, {});
  const auto network = make_discriminator(few_units(), digits, random);
  const auto images = torch::rand({3, 1, 6, 5}) * 2 - 1;
  Pass pass(random);
  pass.training = true;
  pass.keep = {"hidden3"};
  network->forward(images, pass);
  const auto& features = pass.features.at("hidden3");
  EXPECT_EQ(features.size(1), 8);
  EXPECT_GE(features.min().item<float>(), 0);  // after the ReLU, and no noise
}

TEST(Improved, RefusesWhatItCannotTake) {
  const auto problems = [](const ImprovedOptions& options, const DataInfo& info) {
    Problems found;
    options.check({{"train", info}}, found);
    return found.lines.empty() ? std::string() : found.lines.front();
  };
  EXPECT_EQ(problems(few_units(), digits), "");
  auto tap = few_units();
  tap.feature_matching.tap = "hidden4";
  expect_names(problems(tap, digits), {"model.feature_matching.tap", "'hidden1', 'hidden2', 'hidden3'"});
  auto both = few_units();
  both.minibatch_discrimination.kernels = 4;
  expect_names(problems(both, digits), {"model.minibatch_discrimination"});
  auto smoothed = few_units();
  smoothed.label_smoothing.targets = {0.2, 0.8};
  expect_names(problems(smoothed, digits), {"model.label_smoothing: "});
  expect_names(problems(smoothed, digits), {"real = 0.2", "fake = 0.8"});
  smoothed.label_smoothing.targets = {0.9, 0.1};
  EXPECT_EQ(problems(smoothed, digits), "");
  auto none = few_units();
  none.feature_matching.weight = 0;
  expect_names(problems(none, digits), {"model.feature_matching"});
  auto maps = few_units();
  maps.network = "convolutional";
  expect_names(problems(maps, digits), {"model.generator.hidden", "2", "6 x 5"});
  expect_names(problems(few_units(), (DataInfo{100, 1, 6, 5})), {"data"});
  expect_names(problems(few_units(), (DataInfo{100, 1, 6, 5, 3, {"a", "b", "c"}, 100})), {"data", "100"});
  const auto family = few_units().build({{"train", digits}}, {}, 1);
  SampleOptions options;
  options.labels = {1};
  expect_error<UserError>([&] { open_sampler(*family, options); }, {"[class]"});
}

TEST(Improved, TheAverageClassifies) {
  const auto family = few_units().build({{"train", digits}}, {}, 1);
  const auto images = torch::rand({3, 1, 6, 5}) * 2 - 1;
  torch::NoGradGuard no_grad;
  const auto logits = [&] {
    auto unused = Streams::unused();
    auto pass = family->numerics.pass(unused);
    return family->classifier->logits({images, {}}, pass).clone();
  };
  const auto before = logits();
  family->networks.at("discriminator")->named_parameters()["head.output.bias"].add_(1);
  EXPECT_TRUE(torch::equal(logits(), before));
  family->averages.at("discriminator").network->named_parameters()["head.output.bias"].add_(1);
  EXPECT_FALSE(torch::equal(logits(), before));
}

TEST(Improved, TheGeneratorTakesItsSteps) {
  auto options = few_units();
  EXPECT_EQ(options.build({{"train", digits}}, {}, 1)->phases.back().repeats, 1);
  options.generator.steps = 3;
  const auto family = options.build({{"train", digits}}, {}, 1);
  EXPECT_EQ(family->phases.back().name, "generator");
  EXPECT_EQ(family->phases.back().repeats, 3);
  EXPECT_EQ(family->phases.front().repeats, 1);
}

TEST(Improved, SamplesAreInRangeAndAFunctionOfTheSeed) {
  const auto family = few_units().build({{"train", digits}}, {}, 1);
  SampleOptions options;
  const auto images = open_sampler(*family, options)->next(5).pixels;
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{5, 1, 6, 5}));
  EXPECT_LE(images.abs().max().item<float>(), 1);
  const auto sampler = open_sampler(*family, options);
  EXPECT_TRUE(at::allclose(at::cat({sampler->next(2).pixels, sampler->next(3).pixels}), images, 1e-5, 1e-6));
}

TEST(Improved, SamplesUnderVirtualBatchNormUseTheReferenceBatch) {
  auto options = few_units();
  options.generator.norm = "virtual_batch";
  options.generator.reference_batch = 7;
  const auto family = options.build({{"train", digits}}, {}, 1);
  const auto first = open_sampler(*family, SampleOptions{})->next(3).pixels;
  torch::NoGradGuard no_grad;
  // Other weights have other moments, without a training pass in between.
  for (auto& parameter : family->networks["generator"]->parameters()) parameter.mul_(1.5);
  const auto images = open_sampler(*family, SampleOptions{})->next(3).pixels;
  EXPECT_FALSE(at::allclose(first, images));
  Streams random(1, {});
  auto generator = std::dynamic_pointer_cast<ImprovedGenerator>(family->networks["generator"]);
  Pass training(random);
  training.training = true;
  std::vector<torch::Tensor> latents;
  for (int64_t i = 0; i < 3; ++i)
    latents.push_back(Streams::image(0, i).uniform({options.generator.latent}, "latents"));
  EXPECT_TRUE(at::allclose(generator->forward(at::stack(latents), training), images, 1e-5, 1e-6));
}

}  // namespace
}  // namespace fqgan::test
