// The latents of seeds, the paths between them and mixed styles.
#include "fqgan/inference/seed_latents.h"

#include <cmath>

#include "fqgan/inference/interpolation.h"
#include "fqgan/inference/style_mix.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(SeedLatents, AreThoseOfNumpy) {
  const auto normal = latents_of_seeds({0, 85, 4294967295}, {.width = 3});
  const auto expected = torch::tensor({{1.764052391052246f, 0.40015721321105957f, 0.978738009929657f},
                                       {0.17685072124004364f, 2.3777542114257812f, 0.99873286485672f},
                                       {0.6484086513519287f, 0.6693235039710999f, -1.0805437564849854f}});
  EXPECT_TRUE(normal.equal(expected)) << normal;
  const auto uniform = latents_of_seeds({0}, {.width = 3, .law = LatentLaw::uniform});
  const auto printed = torch::tensor({{0.5488135039273248, 0.7151893663724195, 0.6027633760716439}}, torch::kDouble);
  EXPECT_TRUE(uniform.equal(printed.to(torch::kFloat))) << uniform;
}

/// A generator whose image is its latent; w is 3 z.
LatentSampler toy_sampler(LatentSpace space) {
  Generator generator{space};
  generator.map = [](const Latents& latents, Pass&) {
    const auto w = latents.w.defined() ? latents.w : latents.z * 3;
    return latents.truncation ? w * *latents.truncation : w;
  };
  generator.images = [map = generator.map](const Latents& latents, Pass& pass) {
    return (latents.w.defined() ? map(latents, pass) : latents.z).flatten(1).unsqueeze(1).unsqueeze(1);
  };
  return {generator, Numerics{}};
}

constexpr LatentSpace in_w{
    .width = 5, .truncation = Truncation::towards_mean, .mapped = 5, .noise = false, .layers = 2};

SampleOptions of_seeds(std::vector<int64_t> seeds) {
  SampleOptions options;
  options.seeds = std::move(seeds);
  return options;
}

TEST(SeedLatents, AnImageIsAFunctionOfItsSeed) {
  const auto sampler = toy_sampler({.width = 3, .classes = 9});
  const auto first = sampler.images(of_seeds({1, 2, 3}), 0, 3), late = sampler.images(of_seeds({7, 3, 2}), 1, 2);
  EXPECT_TRUE(first.pixels.flip(0).narrow(0, 0, 2).equal(late.pixels));
  EXPECT_TRUE(first.labels.flip(0).narrow(0, 0, 2).equal(late.labels));
}

TEST(Interpolation, FollowsGreatCircles) {
  const auto sampler = toy_sampler({.width = 5, .classes = 4, .truncation = Truncation::resample});
  auto ends = of_seeds({1, 2, 3});
  ends.truncation = 0.5;
  const auto z = sampler.latents(ends, 0, 3).z.to(torch::kDouble);
  const auto open = interpolated(sampler, ends, 3, {.steps = 3, .closed = false});
  ASSERT_EQ(open.latents.sizes(), at::IntArrayRef({6, 5}));
  const double angle = std::acos((z[0].dot(z[1]) / z[0].norm() / z[1].norm()).item<double>());
  const auto middle = (z[0] + z[1]) * (std::sin(angle / 2) / std::sin(angle));
  EXPECT_TRUE(at::allclose(open.latents[1], middle));
  for (const auto& [row, end] : {std::pair{0, 0}, {2, 1}, {3, 1}, {5, 2}})
    EXPECT_TRUE(at::allclose(open.latents[row], z[end])) << row;
  EXPECT_FALSE(open.truncation);  // the ends are truncated already
  EXPECT_EQ(open.labels, std::vector<int64_t>{sampler.latents(ends, 0, 1).labels.item<int64_t>()});
  const auto closed = interpolated(sampler, ends, 3, {.steps = 4});
  ASSERT_EQ(closed.latents.size(0), 12);
  EXPECT_TRUE(at::allclose(closed.latents.slice(0, 0, {}, 4), z));
  EXPECT_TRUE(at::allclose(closed.latents[10], (z[2] + z[0]) * (closed.latents[10] / (z[2] + z[0])).mean()));
}

TEST(Interpolation, FollowsStraightLines) {
  const auto uniform = toy_sampler({.width = 5, .law = LatentLaw::uniform});
  const auto z = uniform.latents(of_seeds({1, 2}), 0, 2).z.to(torch::kDouble);
  const auto in_z = interpolated(uniform, of_seeds({1, 2}), 2, {.steps = 2});
  EXPECT_TRUE(at::allclose(in_z.latents[1], z.mean(0)));
  const auto sampler = toy_sampler(in_w);
  auto ends = of_seeds({1, 2});
  ends.truncation = 0.5;
  const auto points = interpolated(sampler, ends, 2, {.in_w = true, .steps = 4});
  ASSERT_EQ(points.mapped.sizes(), at::IntArrayRef({8, 5}));
  EXPECT_FALSE(points.latents.defined());
  const auto w = 3 * latents_of_seeds({1, 2}, in_w).to(torch::kDouble);
  const auto expected = 0.5 * (0.75 * w[0] + 0.25 * w[1]);  // truncated once
  EXPECT_TRUE(at::allclose(sampler.images(points, 1, 1).pixels.flatten(), expected.to(torch::kFloat)));
}

TEST(StyleMix, TakesTheLayersOfTheColumn) {
  const auto rows = torch::arange(12.).view({2, 3, 2}), columns = -torch::arange(1., 13.).view({2, 3, 2});
  const auto grid = mixed_styles(rows, columns, {0, 2});
  ASSERT_EQ(grid.sizes(), at::IntArrayRef({8, 3, 2}));  // two columns, then each row with its two mixes
  EXPECT_TRUE(grid.narrow(0, 0, 2).equal(columns));
  EXPECT_TRUE(grid[2].equal(rows[0]) && grid[5].equal(rows[1]));
  EXPECT_TRUE(grid[7].equal(at::stack({columns[1][0], rows[1][1], columns[1][2]})));
}

}  // namespace
}  // namespace fqgan::test
