// The one door to a discriminator: augmentation in training passes only, names of taps, reading without traces.
#include "fqgan/models/critic.h"

#include "fqgan/models/techniques/feature_quantization.h"
#include "models/quiet_step.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

struct Tapped : torch::nn::Module {
  explicit Tapped(Streams& random) {
    taps = register_module("taps", std::make_shared<Taps>(std::vector<TapPoint>{{"block0", 2}}));
    QuantizationOptions options;
    options.taps = {"block0"};
    options.codes = 3;
    options.initialisation = "kmeans";
    attach_quantizers(*taps, options, random);
  }
  std::shared_ptr<Taps> taps;
};

struct Door {
  explicit Door(const std::string& name = "") : network(std::make_shared<Tapped>(streams)) {
    critic.name = name;
    critic.network = [this](const Batch& batch, Pass& pass) {
      return (*network->taps)("block0", batch.images, pass).sum({1, 2, 3});
    };
  }
  Streams streams = Streams::initial(4);
  std::shared_ptr<Tapped> network;
  Critic critic;
  Batch batch{Streams(5, {}).normal({6, 2, 3, 3}, "images"), {}};
};

TEST(Critic, AugmentsInTrainingPassesOnly) {
  Door door;
  int64_t calls = 0;
  door.critic.augment = [&](const torch::Tensor& images, Pass&) { return ++calls, images * 2; };
  const auto logits = [&](bool training) {
    Pass pass(door.streams);
    pass.training = training;
    return door.critic(door.batch, pass);
  };
  const auto plain = logits(false);
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(at::allclose(logits(true), plain * 2));
  EXPECT_EQ(calls, 1);
}

TEST(Critic, TapsCarryTheNetworksNameWhereThereIsOne) {
  for (const std::string name : {"", "global_a"}) {
    Door door(name);
    Pass pass(door.streams);
    pass.keep = {"block0"};
    door.critic(door.batch, pass);
    ASSERT_EQ(pass.reports.size(), 1u);
    EXPECT_EQ(pass.reports[0].tap, name.empty() ? "block0" : "global_a/block0");
    EXPECT_TRUE(pass.features.count("block0"));
    EXPECT_EQ(pass.network, "");
  }
}

TEST(Critic, ReadsFeaturesWithoutATrace) {
  Door door;
  QuietStep step;
  const auto before = door.network->taps->modules()[0].second->named_buffers()["codebook"].clone();
  const auto features = door.critic.features("block0", {door.batch.images.requires_grad_(true), {}}, Role::real, step);
  EXPECT_TRUE(torch::equal(features, door.batch.images));
  EXPECT_FALSE(features.requires_grad() && features.grad_fn());
  EXPECT_TRUE(torch::equal(door.network->taps->modules()[0].second->named_buffers()["codebook"], before));
}

TEST(Critic, GivesTheDictionaryItsFirstEntriesOnce) {
  Door door;
  QuietStep step;
  const auto& quantizer = dynamic_cast<FeatureQuantizer&>(*door.network->taps->modules()[0].second);
  const auto drawn = quantizer.codebook.clone();
  door.critic.initialise(door.batch, Role::real, step);
  const auto started = quantizer.codebook.clone();
  EXPECT_FALSE(torch::equal(started, drawn));
  EXPECT_NEAR(quantizer.cluster_size.sum().item<double>(), 6 * 9, 1e-3);
  door.critic.initialise({door.batch.images * 3, {}}, Role::real, step);
  EXPECT_TRUE(torch::equal(quantizer.codebook, started));
}

}  // namespace
}  // namespace fqgan::test
