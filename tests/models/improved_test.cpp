// The improved family: rows of D that do not meet, taps, gradients of the right networks, and what it refuses.
#include "fqgan/core/error.h"
#include "fqgan/models/improved/dense.h"
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
  const auto family = ImprovedOptions().build({1000, 1, 28, 28, 10, std::vector<std::string>(10, "x"), 0}, {}, 1);
  std::map<std::string, torch::Tensor> parameters;
  for (const auto& [name, network] : family->networks)
    for (const auto& entry : network->named_parameters()) parameters[name + "." + entry.key()] = entry.value();
  EXPECT_EQ(parameters.at("discriminator.hidden1.weight").sizes(), (std::vector<int64_t>{1000, 784}));
  EXPECT_EQ(parameters.at("discriminator.hidden5.weight").sizes(), (std::vector<int64_t>{250, 250}));
  EXPECT_TRUE(parameters.count("discriminator.output.scale"));
  EXPECT_FALSE(parameters.count("discriminator.hidden1.scale"));  // the hidden scales are not trained
  EXPECT_EQ(parameters.at("generator.output.weight").sizes(), (std::vector<int64_t>{784, 500}));
  EXPECT_FALSE(parameters.count("generator.norm1.gain"));  // batch norm without gain
}

TEST(Improved, OneForwardForAllRowsIsWhatSeveralAre) {
  Streams random(2, {});
  DenseDiscriminator network(few_units().discriminator, digits, random);
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
  DenseDiscriminator network(few_units().discriminator, digits, random);
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
    options.check(info, found);
    return found.lines.empty() ? std::string() : found.lines.front();
  };
  EXPECT_EQ(problems(few_units(), digits), "");
  auto tap = few_units();
  tap.feature_matching.tap = "hidden4";
  EXPECT_CONTAINS(problems(tap, digits), "'hidden1', 'hidden2', 'hidden3'");
  EXPECT_CONTAINS(problems(few_units(), (DataInfo{100, 1, 6, 5})), "needs labels of at least two classes");
  EXPECT_CONTAINS(problems(few_units(), (DataInfo{100, 1, 6, 5, 3, {"a", "b", "c"}, 100})),
                  "all 100 images are without");
  const auto family = few_units().build(digits, {}, 1);
  SampleOptions options;
  options.labels = {1};
  EXPECT_CONTAINS(message_of<UserError>([&] { family->sampler(options); }), "unconditional");
}

TEST(Improved, SamplesAreInRangeAndAFunctionOfTheSeed) {
  const auto family = few_units().build(digits, {}, 1);
  SampleOptions options;
  const auto images = family->sampler(options)->next(5).pixels;
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{5, 1, 6, 5}));
  EXPECT_LE(images.abs().max().item<float>(), 1);
  const auto sampler = family->sampler(options);
  EXPECT_TRUE(at::allclose(at::cat({sampler->next(2).pixels, sampler->next(3).pixels}), images, 1e-5, 1e-6));
}

}  // namespace
}  // namespace fqgan::test
