// Every objective of BigGAN with every regularization: they run, stay finite, and none is ignored.
#include <cmath>
#include <functional>

#include "fqgan/training/loop.h"
#include "support/support.h"
#include "training/biggan_reference.h"

namespace fqgan::test {
namespace {

struct EntryCollector : Observer {
  void on_report(const Report& report) override { reports.push_back(report); }
  std::vector<Report> reports;
};

struct Trained {
  torch::Tensor generator, discriminator;  // all parameters
  std::map<std::string, double> entries;
  int64_t images;
};

Trained train_biggan(const BigGanOptions& options) {
  const NoiseImages images(8);
  const auto family = options.build({{"train", images.info()}}, {}, 1);
  LoopOptions loop_options;
  loop_options.training.iterations = 2;
  loop_options.training.log_every = 2;
  loop_options.training.sample_every = 0;
  Loop loop(*family, {{"train", &images}}, loop_options);
  EntryCollector collector;
  loop.run({&collector});
  const auto weights = [&](const char* name) {
    std::vector<torch::Tensor> all;
    for (const auto& parameter : family->networks.at(name)->parameters()) all.push_back(parameter.detach().flatten());
    return torch::cat(all);
  };
  return {weights("generator"), weights("discriminator"), collector.reports.at(0).entries, loop.at().images_seen};
}

/// On 8 x 8 images.
BigGanOptions everything(const std::string& loss) {
  auto options = reference_options("hierarchical");
  options.generator.multipliers = {8, 8, 8};
  options.generator.attention = options.discriminator.attention = {4};
  options.discriminator.multipliers = {8, 8};
  options.discriminator.downsample = {true, false};
  options.quantizer.taps = {"block0", "block1"};
  options.loss = loss;
  options.accumulate = 2;
  options.discriminator.steps = 2;
  options.discriminator.gradient_penalty = 10;
  options.discriminator.orthogonal = options.generator.orthogonal = 1e-2;
  return options;
}

TEST(BigGanObjectives, TrainWithEveryOption) {
  std::vector<Trained> all;
  for (const auto* loss : {"hinge", "non_saturating", "lsgan", "wasserstein"}) {
    all.push_back(train_biggan(everything(loss)));
    const auto& trained = all.back();
    EXPECT_TRUE(torch::isfinite(trained.generator).all().item<bool>()) << loss;
    EXPECT_TRUE(torch::isfinite(trained.discriminator).all().item<bool>()) << loss;
    EXPECT_EQ(trained.images, 2 * 2 * 2 * 4) << "iterations, steps, micro-batches, images";
    for (const auto* entry : {"loss/discriminator", "loss/generator", "loss/gradient_penalty"}) {
      ASSERT_TRUE(trained.entries.count(entry)) << entry;
      EXPECT_TRUE(std::isfinite(trained.entries.at(entry))) << loss << " " << entry;
    }
    EXPECT_GT(trained.entries.at("loss/gradient_penalty"), 0);
    for (size_t i = 0; i + 1 < all.size(); ++i)
      EXPECT_FALSE(torch::equal(trained.discriminator, all[i].discriminator)) << loss << " is another objective";
  }
}

/// D's first gradient, in float64.
torch::Tensor first_gradient(double penalty) {
  auto options = everything("hinge");
  options.accumulate = 1;
  options.discriminator.gradient_penalty = penalty;
  const NoiseImages images(8);
  const auto family = options.build({{"train", images.info()}}, {torch::kCPU, torch::kDouble, true}, 1);
  torch::Tensor first;
  family->phases[0].before_update = [&](Step&) {
    std::vector<torch::Tensor> all;
    for (const auto& p : family->networks.at("discriminator")->parameters()) all.push_back(p.grad().flatten());
    if (!first.defined()) first = torch::cat(all);
  };
  Loop(*family, {{"train", &images}}, {}).iterate();
  return first;
}

TEST(BigGanObjectives, ThePenaltyHasItsWeight) {
  const auto none = first_gradient(0), once = first_gradient(10) - none, twice = first_gradient(20) - none;
  EXPECT_GT(once.abs().max().item<double>(), 1e-6);
  EXPECT_LT((twice - 2 * once).abs().max().item<double>(), 1e-9 * twice.abs().max().item<double>());
}

TEST(BigGanObjectives, LogsTheLogitsOfRealAndGeneratedImages) {
  const auto entries = train_biggan(everything("wasserstein")).entries;  // whose loss is their difference
  EXPECT_NEAR(entries.at("loss/discriminator"), entries.at("logit/fake") - entries.at("logit/real"), 1e-5);
  EXPECT_NE(entries.at("logit/fake"), entries.at("logit/real"));
}

// A net for options that are read and then ignored; what each of them must do is tested where it is made.
TEST(BigGanObjectives, NoOptionIsIgnored) {
  const auto all = train_biggan(everything("hinge"));
  const auto differs = [&](const std::string& what, const std::function<void(BigGanOptions&)>& change) {
    auto options = everything("hinge");
    change(options);
    const auto other = train_biggan(options);
    EXPECT_FALSE(torch::equal(all.discriminator, other.discriminator)) << what;
    EXPECT_FALSE(torch::equal(all.generator, other.generator)) << what;
  };
  differs("gradient penalty", [](auto& options) { options.discriminator.gradient_penalty = 0; });
  differs("D's orthogonal regularization", [](auto& options) { options.discriminator.orthogonal = 0; });
  differs("G's orthogonal regularization", [](auto& options) { options.generator.orthogonal = 0; });
  differs("accumulation", [](auto& options) { options.accumulate = 1; });
  differs("commitment", [](auto& options) { options.quantizer.commitment = 2; });
}

}  // namespace
}  // namespace fqgan::test
