// The distances of small steps in the latent space of toy generators, whose path lengths are known.
#include "fqgan/experiment/path_steps.h"

#include <cmath>

#include "fqgan/inference/latent_sampler.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

constexpr double slope = 0.05;  // of an image by its latent
constexpr int64_t pairs = 60;

/// A generator whose image is its latent times `slope`, in the type of the pass, plus a noise of the image.
struct LinearFamily : Family {
  explicit LinearFamily(LatentSpace space) {
    generator = {space, [space](Weights) {
                   Generator opened{space};
                   if (space.mapped) opened.map = [](const Latents& latents, Pass&) { return latents.z * 2 + 1; };
                   opened.images = [](const Latents& latents, Pass& pass) {
                     auto images = (latents.w.defined() ? latents.w : latents.z).to(pass.compute) * slope;
                     for (size_t i = 0; i < latents.rows.size(); ++i) {
                       auto random = latents.rows[i];
                       images[static_cast<int64_t>(i)] += 0.1 * random.normal({1}, "noise");
                     }
                     if (latents.labels.defined()) images = images + 0.1 * latents.labels.unsqueeze(1);
                     return images.unsqueeze(1).unsqueeze(1);
                   };
                   return opened;
                 }};
  }
};

/// The pixels as features.
struct Pixels : FeatureExtractor {
  std::string name() const override { return "pixels"; }
  std::string description() const override { return "pixels"; }
  int64_t channels() const override { return 1; }
  Extracted extract(const at::Tensor& pixels, bool) override { return {pixels.flatten(1), {}}; }
};

PathLengthOptions at_the_start() {
  PathLengthOptions options;
  options.sampling = "end";
  return options;
}

/// Squared lengths of the steps, per squared length of the path.
torch::Tensor lengths(const Family& family, const PathLengthOptions& settings = {}, double step = path_epsilon,
                      const SampleOptions& options = {}, int64_t count = pairs) {
  Pixels extractor;
  return measured_steps(family, options, count, extractor, settings, step) / (step * step);
}

/// Both ends of the paths, float64.
std::pair<torch::Tensor, torch::Tensor> ends(const Family& family) {
  const LatentSampler sampler(family.generator->open(Weights::average), Numerics{});
  const auto z = sampler.latents({}, 0, 2 * pairs).z.to(torch::kDouble);
  return {z.slice(0, 0, {}, 2), z.slice(0, 1, {}, 2)};
}

/// The squared length of a change of the latent, in pixels.
torch::Tensor in_pixels(const torch::Tensor& change) { return (change * slope * 127.5).square().sum(1); }

/// Equal, up to the rounding of pixels in float32: of each step, and of the mean.
void expect_close(const torch::Tensor& found, const torch::Tensor& expected) {
  EXPECT_LT(((found - expected).abs() / expected).max().item<double>(), 0.1);
  EXPECT_NEAR((found.mean() / expected.mean()).item<double>(), 1, 3e-3);
}

TEST(PathSteps, StraightLinesHaveTheLengthOfTheirEnds) {
  const LinearFamily uniform({.width = 8, .law = LatentLaw::uniform});
  const auto [a, b] = ends(uniform);
  expect_close(lengths(uniform), in_pixels(b - a));
  expect_close(lengths(uniform, at_the_start()), in_pixels(b - a));
  const LinearFamily mapped({.width = 8, .mapped = 8});
  const auto [c, d] = ends(mapped);
  expect_close(lengths(mapped), in_pixels(2 * (d - c)));
}

TEST(PathSteps, NormalLatentsMoveOnAGreatCircle) {
  const LinearFamily family({.width = 8});
  const auto [a, b] = ends(family);
  const auto angle = ((a * b).sum(1, true) / (a.norm(2, 1, true) * b.norm(2, 1, true))).acos();
  expect_close(lengths(family, at_the_start()), in_pixels(angle / angle.sin() * (b - angle.cos() * a)));
}

TEST(PathSteps, TheLengthDoesNotDependOnTheStep) {
  for (const auto& space : {LatentSpace{.width = 8}, LatentSpace{.width = 8, .mapped = 8}})
    expect_close(lengths(LinearFamily(space)), lengths(LinearFamily(space), {}, 1e-3));
}

TEST(PathSteps, BothImagesHaveOneClassAndNoise) {
  const LinearFamily plain({.width = 8}), other({.width = 8, .classes = 5, .noise = true});
  expect_close(lengths(other), lengths(plain));
}

TEST(PathSteps, AreComputedInFloat32) {
  LinearFamily family({.width = 8});
  const auto expected = lengths(family);
  family.numerics.compute = torch::kBFloat16;
  EXPECT_TRUE(torch::equal(lengths(family), expected));
}

TEST(PathSteps, AreAFunctionOfSeedAndNumber) {
  const LinearFamily family({.width = 8, .classes = 3, .noise = true});
  SampleOptions other;
  other.seed = 1;
  EXPECT_TRUE(torch::equal(lengths(family), lengths(family)));
  EXPECT_TRUE(torch::equal(lengths(family, {}, path_epsilon, {}, 7), lengths(family).narrow(0, 0, 7)));
  EXPECT_FALSE(torch::equal(lengths(family), lengths(family, {}, path_epsilon, other)));
}

TEST(PathSteps, TruncatedLatentsAreNotTruncatedTwice) {
  const LinearFamily family({.width = 8, .truncation = Truncation::resample});
  SampleOptions truncated;
  truncated.truncation = 0.1;  // about N(0, 1) / 17
  const auto ratio = (lengths(family).mean() / lengths(family, {}, path_epsilon, truncated).mean()).item<double>();
  EXPECT_NEAR(std::sqrt(ratio), std::sqrt(3.) / 0.1, 3);
}

}  // namespace
}  // namespace fqgan::test
