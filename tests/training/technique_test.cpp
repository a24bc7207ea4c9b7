// The techniques of "Improved Techniques for Training GANs" within the families: they train, change every network, and
// resume to the bit.
#include "fqgan/models/biggan/options.h"
#include "fqgan/models/improved/options.h"
#include "fqgan/models/weights.h"
#include "training/bench.h"

namespace fqgan::test {
namespace {

DataInfos toy(int64_t size) { return {{"train", {12, 1, size, size, 3, {"a", "b", "c"}}}}; }

BigGanOptions all_in_biggan() {
  BigGanOptions o;
  o.generator.width = o.discriminator.width = 2;
  o.generator.multipliers = {4, 4};
  o.discriminator.multipliers = {4, 4};
  o.discriminator.downsample = {true, false};
  o.generator.latent = 5;
  o.batch = 4;
  o.loss = "non_saturating";
  o.discriminator.steps = 2;
  o.label_smoothing.targets = {0.9, 0};
  o.feature_matching.weight = 0.5;
  o.minibatch_discrimination.kernels = 4;
  o.generator.norm = "virtual_batch";
  o.generator.reference_batch = 6;
  o.generator.historical_averaging = o.discriminator.historical_averaging = 0.1;
  o.discriminator.input_noise = o.discriminator.noise = 0.1;
  o.discriminator.weight_normalization = "weight";
  return o;
}

ImprovedOptions released(const std::string& network, bool minibatch) {
  ImprovedOptions o;
  o.network = network;
  o.batch = 4;
  o.generator.latent = 5;
  o.generator.hidden = {6, 4};
  o.discriminator.hidden = {8, 6, 6};
  o.discriminator.dropout = 0.5;
  o.discriminator.input_dropout = 0.2;
  o.discriminator.initialise_on = 8;
  o.generator.adam.epsilon_in_root = o.discriminator.adam.epsilon_in_root = true;
  if (minibatch) {
    o.generator.steps = 3;
    o.discriminator.initialise_from = "labelled";
    o.minibatch_discrimination.kernels = 4;
    o.feature_matching.weight = 0;
    o.feature_matching.adversarial = 1;
    o.label_smoothing.targets.real = 0.9;
    o.generator.norm = "virtual_batch";
    o.generator.reference_batch = 5;
    o.generator.historical_averaging = o.discriminator.historical_averaging = 0.1;
  }
  return o;
}

/// Feature quantization in the semi-supervised family, by options alone.
ImprovedOptions quantized(const std::string& network) {
  auto o = released(network, false);
  o.quantizer.taps = network == "dense" ? std::vector<std::string>{"hidden2", "hidden3"}
                                        : std::vector<std::string>{"stage2", "pooled"};
  o.quantizer.codes = 6;
  o.quantizer.initialisation = "kmeans";
  return o;
}

struct Case {
  std::string name;
  int64_t size;
  Make make;
};

class Techniques : public ::testing::TestWithParam<Case> {};

TEST_P(Techniques, EveryNetworkLearns) { expect_every_network_learns(GetParam().make, GetParam().size); }

TEST_P(Techniques, ResumeToTheBit) { expect_resume_to_the_bit(GetParam().make, GetParam().size); }

TEST(ImprovedTechniques, MatchingReadsFeaturesAndLeavesTheDictionary) {
  auto options = quantized("dense");
  const auto make = [&] { return options.build(toy(8), {}, 5); };
  const std::string key = "network.discriminator.taps.hidden3.cluster_size";
  Bench bench(make, 1);
  bench.family->phases = {bench.family->phases[1]};  // the generator's alone: one forward over its images
  bench.loop->iterate();
  const auto rows = family_tensors(*bench.family).at(key).sum().item<double>();
  // From the k-means start over 8 images, one update by the 4 generated ones; matching's 4 real ones count for nothing.
  const double decay = options.quantizer.decay;
  EXPECT_NEAR(rows, decay * 8 + (1 - decay) * 4, 1e-4);
}

TEST(ImprovedTechniques, QuantizationIsLoggedPerTap) {
  Bench bench([] { return quantized("dense").build(toy(8), {}, 5); }, 1);
  bench.loop->iterate();
  std::set<std::string> names;
  for (const auto& [name, tensor] : bench.loop->checkpoint().tensors) names.insert(name);
  for (const auto* tap : {"hidden2", "hidden3"})
    for (const auto* role : {"real", "fake"})
      EXPECT_TRUE(names.count("state.loop.entries.fq/" + std::string(tap) + "/" + role + "/perplexity")) << tap;
}

TEST(BigGanTechniques, TheFirstBatchStartsWeightNormalization) {
  auto options = all_in_biggan();
  options.minibatch_discrimination.kernels = 0;
  const auto make = [&] { return options.build(toy(8), {}, 5); };
  const std::string key = "network.discriminator.block1.conv2.scale";
  const auto built = family_tensors(*make()).at(key).clone();
  Bench bench(make, 0);
  bench.loop->run();
  EXPECT_FALSE(torch::equal(family_tensors(*bench.family).at(key), built));
}

TEST(BigGanTechniques, NoiseIsInDsFeaturesWhileItTrains) {
  auto options = all_in_biggan();
  options.minibatch_discrimination.kernels = 0;
  options.discriminator.input_noise = 0;
  std::vector<torch::Tensor> logits;
  for (const double noise : {0., 0.5})
    for (const bool training : {false, true}) {
      options.discriminator.noise = noise;
      const auto family = options.build(toy(8), {}, 5);
      Streams random(3, {});
      Pass pass(random);
      pass.training = training;
      logits.push_back(
          family->scorer->logits({random.normal({4, 1, 8, 8}, "x"), torch::tensor({0, 1, 2, 0})}, pass).detach());
    }
  EXPECT_TRUE(torch::equal(logits[0], logits[1]));
  EXPECT_TRUE(torch::equal(logits[0], logits[2]));
  EXPECT_GT((logits[2] - logits[3]).abs().max().item<double>(), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(
    Families, Techniques,
    ::testing::Values(
        Case{"biggan", 8, [] { return all_in_biggan().build(toy(8), {}, 5); }},
        Case{"dense", 8, [] { return released("dense", false).build(toy(8), {}, 5); }},
        Case{"dense_minibatch", 8, [] { return released("dense", true).build(toy(8), {}, 5); }},
        Case{"dense_quantized", 8, [] { return quantized("dense").build(toy(8), {}, 5); }},
        Case{"convolutional_quantized", 16, [] { return quantized("convolutional").build(toy(16), {}, 5); }},
        Case{"convolutional", 16, [] { return released("convolutional", false).build(toy(16), {}, 5); }},
        Case{"convolutional_minibatch", 16, [] { return released("convolutional", true).build(toy(16), {}, 5); }}),
    [](const auto& info) { return info.param.name; });

/// Rows of the images of a data set, as the dense discriminator takes them.
torch::Tensor dense_rows(const Dataset& data) {
  const auto& info = data.info();
  auto pixels = torch::empty({info.images, info.channels * info.height * info.width}, torch::kByte);
  for (int64_t i = 0; i < info.images; ++i) data.read(i, pixels[i].mutable_data_ptr<uint8_t>());
  return pixels.to(torch::kDouble) / 255;
}

/// Weight normalization: after `prepare` every unit of D has mean 0 and standard deviation 1 over the images that it
/// saw.
TEST(Improved, PrepareStandardisesTheActivations) {
  for (const std::string from : {"unlabelled", "labelled"}) {
    auto options = released("dense", false);
    auto& d = options.discriminator;
    d.input_noise = d.noise = d.input_dropout = d.dropout = 0;
    d.initialise_from = from;
    d.initialise_on = 12;  // three batches: each of the twelve images once
    Bench bench([&] { return options.build(toy(8), {}, 5); }, 0);
    EXPECT_EQ(bench.loop->run(), 0);
    auto h = dense_rows(bench.data);
    const auto parameters = bench.family->networks["discriminator"]->named_parameters();
    const auto buffers = bench.family->networks["discriminator"]->named_buffers();
    for (const std::string layer : {"hidden1", "hidden2", "hidden3", "head.output"}) {
      const auto* scales = buffers.find(layer + ".scale");
      const auto scale = (scales ? *scales : parameters[layer + ".scale"]).to(torch::kDouble);
      const auto weight = parameters[layer + ".weight"].detach().to(torch::kDouble);
      const auto effective = weight * (scale / weight.norm(2, 1)).unsqueeze(1);
      const auto y = at::linear(h, effective, parameters[layer + ".bias"].to(torch::kDouble)).detach();
      EXPECT_LT(y.mean(0).abs().max().item<double>(), 1e-4) << layer;
      EXPECT_LT((y.square().mean(0).sqrt() - 1).abs().max().item<double>(), 1e-3) << layer;
      h = at::relu(y);
    }
  }
}

/// With a historical term of great strength the player stays near its mean: the objective reaches the optimizer.
TEST(HistoricalAveraging, HoldsAPlayerBack) {
  const auto moved = [](double strength) {
    auto options = all_in_biggan();
    options.generator.historical_averaging = strength;
    Bench bench([&] { return options.build(toy(8), {}, 5); }, 6);
    const auto start = bench.family->networks["generator"]->named_parameters()["linear.weight"].detach().clone();
    bench.loop->run();
    return (bench.family->networks["generator"]->named_parameters()["linear.weight"] - start).norm().item<double>();
  };
  EXPECT_LT(moved(1e6), 0.6 * moved(0));
}

}  // namespace
}  // namespace fqgan::test
