// The one latent sampler: image i from (seed, i), given latents, classes, truncation, and what it refuses.
#include "fqgan/inference/latent_sampler.h"

#include <numeric>

#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// A generator whose image is its latent, and that counts how often it was opened.
GeneratorAccess echo(LatentSpace space, int64_t* opened = nullptr) {
  return {space, [space, opened](Weights) {
            if (opened) ++*opened;
            Generator generator{space};
            generator.images = [](const Latents& latents, Pass&) {
              auto images = (latents.w.defined() ? latents.w : latents.z).unsqueeze(2).unsqueeze(3);
              if (latents.truncation) images = images * *latents.truncation;
              std::vector<torch::Tensor> noise;
              for (auto rows = latents.rows; auto& row : rows) noise.push_back(row.normal({1, 1, 1}, "noise"));
              return noise.empty() ? images : images + at::stack(noise);
            };
            return generator;
          }};
}

struct EchoFamily : Family {
  explicit EchoFamily(LatentSpace space) { generator = echo(space); }
};

LatentSampler sampler_of(LatentSpace space) { return {echo(space).open(Weights::average), Numerics{}}; }

TEST(LatentSampler, ImageIIsAFunctionOfSeedAndI) {
  const auto sampler = sampler_of({.width = 3, .classes = 4, .noise = true});
  SampleOptions options;
  options.seed = 5;
  const auto all = sampler.images(options, 0, 6), late = sampler.images(options, 4, 2);
  EXPECT_TRUE(torch::equal(all.pixels.narrow(0, 4, 2), late.pixels));
  EXPECT_TRUE(torch::equal(all.labels.narrow(0, 4, 2), late.labels));
}

TEST(LatentSampler, LatentsNoiseAndLabelsEachFollowTheSeed) {
  SampleOptions one, other;
  one.seed = 5;
  other.seed = 6;
  const auto differ = [&](LatentSpace space, const char* what) {
    const auto sampler = sampler_of(space);
    const auto a = sampler.images(one, 0, 12), b = sampler.images(other, 0, 12);
    EXPECT_FALSE(torch::equal(a.pixels, b.pixels)) << what;
    if (a.labels.defined()) {
      EXPECT_FALSE(torch::equal(a.labels, b.labels)) << what;
    }
  };
  differ({.width = 3}, "normal latents");
  differ({.width = 3, .law = LatentLaw::uniform}, "uniform latents");
  differ({.width = 3, .truncation = Truncation::resample}, "latents");
  differ({.width = 3, .classes = 9}, "labels");
  one.latents = other.latents = torch::zeros({12, 3});
  differ({.width = 3, .noise = true}, "noise");
}

TEST(LatentSampler, GivenClassesTakeTurnsFromTheFirst) {
  SampleOptions options;
  options.labels = {3, 1, 2};
  const auto sampler = sampler_of({.width = 2, .classes = 4});
  EXPECT_TRUE(torch::equal(sampler.images(options, 0, 5).labels, torch::tensor({3, 1, 2, 3, 1}, torch::kLong)));
  EXPECT_TRUE(torch::equal(sampler.images(options, 4, 2).labels, torch::tensor({1, 2}, torch::kLong)));
}

TEST(LatentSampler, KeepsItsNetworkBetweenCalls) {
  int64_t opened = 0;
  const LatentSampler sampler(echo({.width = 2}, &opened).open(Weights::raw), Numerics{});
  for (int64_t i = 0; i < 5; ++i) sampler.images({}, i, 1);
  EXPECT_EQ(opened, 1);
}

TEST(LatentSampler, TruncationIsOfTheGeneratorsKind) {
  SampleOptions options;
  options.truncation = 0.5;
  const auto resampled = sampler_of({.width = 50, .truncation = Truncation::resample}).images(options, 0, 20).pixels;
  EXPECT_LE(resampled.abs().max().item<double>(), 0.5);
  EXPECT_GT(resampled.abs().max().item<double>(), 0.45);
  const LatentSpace by_mean{.width = 50, .truncation = Truncation::towards_mean, .mapped = 50};
  const auto moved = sampler_of(by_mean).images(options, 0, 3).pixels,
             whole = sampler_of(by_mean).images({}, 0, 3).pixels;
  EXPECT_TRUE(at::allclose(moved, whole * 0.5));
}

TEST(LatentSampler, UniformLatents) {
  const auto images = sampler_of({.width = 100, .law = LatentLaw::uniform}).images({}, 0, 30).pixels;
  EXPECT_GE(images.min().item<double>(), 0);
  EXPECT_LT(images.max().item<double>(), 1);
  EXPECT_NEAR(images.mean().item<double>(), 0.5, 0.02);
}

TEST(LatentSampler, GivenLatentsAndW) {
  SampleOptions options;
  options.latents = torch::arange(12.).view({4, 3}).to(torch::kFloat);
  EXPECT_TRUE(
      torch::equal(sampler_of({.width = 3}).images(options, 1, 2).pixels.flatten(1), options.latents.narrow(0, 1, 2)));
  SampleOptions mapped;
  mapped.mapped = options.latents;
  EXPECT_TRUE(
      torch::equal(sampler_of({.width = 5, .mapped = 3}).images(mapped, 0, 4).pixels.flatten(1), mapped.mapped));
  expect_error<UserError>([&] { sampler_of({.width = 3}).images(options, 3, 2); }, {"[latents]"});
}

TEST(LatentSampler, RefusesWhatTheGeneratorHasNot) {
  const auto refused = [](LatentSpace space, const SampleOptions& options) {
    const EchoFamily family(space);
    return message_of<UserError>([&] { open_sampler(family, options); });
  };
  SampleOptions options;
  options.labels = {4};
  expect_names(refused({.width = 3}, options), {"[class]"});
  expect_names(refused({.width = 3, .classes = 4}, options), {"[class]", "3", "4"});
  options = {};
  options.truncation = 1;
  expect_names(refused({.width = 3, .law = LatentLaw::uniform}, options), {"[truncation]"});
  options = {};
  options.latents = torch::zeros({2, 4});
  expect_names(refused({.width = 3}, options), {"latents", "[any, 3]", "[2, 4]"});
  options = {};
  options.mapped = torch::zeros({2, 4});
  expect_names(refused({.width = 3}, options), {"w"});
  expect_names(refused({.width = 3, .mapped = 3}, options), {"3", "[2, 4]"});
  const LatentSpace layered{.width = 3, .truncation = Truncation::towards_mean, .mapped = 4, .layers = 5};
  options.mapped = torch::zeros({2, 4, 4});
  expect_names(refused(layered, options), {"[N, 4]", "[N, 5, 4]", "[2, 4, 4]"});
  options = {};
  options.truncation_cutoff = 6;
  expect_names(refused(layered, options), {"truncation-cutoff", "no truncation"});
  options.truncation = 0.5;
  expect_names(refused(layered, options), {"truncation-cutoff", "5", "6"});
  expect_names(refused({.width = 3, .truncation = Truncation::resample}, options), {"truncation-cutoff", "layer"});
  expect_error<UserError>([&] { open_sampler(Family{}, {}); }, {"[sample]"});
}

/// Brightens by a tenth, or turns round.
struct ToyTranslation : Family {
  ToyTranslation() {
    translator = TranslatorAccess{
        {{"a2b", "a", "b"}, {"b2a", "b", "a"}}, [](const std::string& direction, Weights) {
          return Translator{[direction](const torch::Tensor& x, Pass&) { return direction == "a2b" ? x * 0.5 : -x; }};
        }};
  }
};

struct Gray : Dataset {
  explicit Gray(int64_t images) { info_ = {images, 1, 2, 2}; }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    std::fill_n(pixels, 4, static_cast<uint8_t>(index * 51));
    return -1;
  }
  std::string name(int64_t) const override { return "gray"; }
  std::string key() const override { return "gray"; }
  DataInfo info_;
};

TEST(Sampler, TranslatesSourceImages) {
  const ToyTranslation family;
  const Gray source(6);
  SampleOptions options;
  options.source = &source;
  const auto first = open_sampler(family, options)->next(6).pixels;
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_NEAR(first[i].mean().item<double>(), (static_cast<double>(i) * 51 / 127.5 - 1) * 0.5, 1e-6);
  options.direction = "b2a";
  const auto sampler = open_sampler(family, options);
  EXPECT_NEAR(sampler->next(1).pixels.mean().item<double>(), 1, 1e-6);
  expect_error<UserError>([&] { sampler->next(6); }, {"[source]"});
  options.direction = "a2c";
  expect_error<UserError>([&] { open_sampler(family, options); }, {"'a2b', 'b2a'", "a2c"});
  expect_error<UserError>([&] { open_sampler(family, {}); }, {"--source"});
  SampleOptions with_class = options;
  with_class.direction = "";
  with_class.labels = {0};
  expect_error<UserError>([&] { open_sampler(family, with_class); }, {"[class]"});
}

}  // namespace
}  // namespace fqgan::test
