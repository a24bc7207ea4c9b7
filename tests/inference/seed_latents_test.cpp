// The latents of seeds and mixed styles.
#include "fqgan/inference/seed_latents.h"

#include <cmath>

#include "fqgan/inference/latent_sampler.h"
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
