#include "fqgan/core/streams.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <set>

#include "support/support.h"

namespace fqgan::test {
namespace {

const Counters here{.iteration = 3, .phase = 1, .repeat = 2, .micro_batch = 1, .attempt = 0, .images_seen = 640};

at::Tensor draw(uint64_t seed, Counters at, const std::string& name) {
  return Streams(seed, at).normal({4, 100}, name);
}

// Frozen: a change here changes every recorded experiment.
TEST(MixBits, IsTheSameEverywhere) {
  EXPECT_EQ(mix_bits(0, "", {}), 0xa706dd2f4d197e6full);
  EXPECT_EQ(mix_bits(0, "latent", {0, 0, 0, 0, 0, 0}), 0x295524d10c5f1a04ull);
  EXPECT_EQ(mix_bits(17, "latent", {3, -1, 2, 1, 0, 5}), 0xf29e3af82c7567f8ull);
  EXPECT_EQ(mix_bits(17, "fl\xc3\xbcp", {1ll << 40}), 0x11d673aa17d4e600ull);
}

TEST(MixBits, TellsKeysApart) {
  std::set<uint64_t> seen;
  for (uint64_t seed : {0, 1}) {
    for (const char* name : {"", "a", "b", "ab", "ba"}) {
      seen.insert(mix_bits(seed, name, {}));
      for (int64_t i : {-1, 0, 1, 2}) {
        seen.insert(mix_bits(seed, name, {i}));
        for (int64_t j : {-1, 0, 1, 2}) seen.insert(mix_bits(seed, name, {i, j}));
      }
    }
  }
  EXPECT_EQ(seen.size(), 2u * 5 * (1 + 4 + 16));
}

TEST(Streams, SameKeySameNumbers) {
  EXPECT_TRUE(at::equal(draw(5, here, "latent"), draw(5, here, "latent")));
  Counters more_images = here;
  more_images.images_seen = 9999;  // not part of the key
  EXPECT_TRUE(at::equal(draw(5, here, "latent"), draw(5, more_images, "latent")));
}

TEST(Streams, EveryPartOfTheKeyMatters) {
  const auto base = draw(5, here, "latent");
  EXPECT_FALSE(at::equal(base, draw(6, here, "latent")));
  EXPECT_FALSE(at::equal(base, draw(5, here, "dropout")));
  for (auto part :
       {&Counters::iteration, &Counters::phase, &Counters::repeat, &Counters::micro_batch, &Counters::attempt}) {
    Counters other = here;
    other.*part += 1;
    EXPECT_FALSE(at::equal(base, draw(5, other, "latent")));
  }
}

TEST(Streams, CallsOfOneNameDifferAndDoNotDisturbOtherNames) {
  Streams streams(5, here);
  const auto first = streams.normal({100}, "dropout");
  const auto other = streams.normal({100}, "latent");
  const auto second = streams.normal({100}, "dropout");
  EXPECT_FALSE(at::equal(first, second));
  Streams again(5, here);
  EXPECT_TRUE(at::equal(again.normal({100}, "latent"), other));
  EXPECT_TRUE(at::equal(again.normal({100}, "dropout"), first));
  EXPECT_TRUE(at::equal(again.normal({100}, "dropout"), second));
}

TEST(Streams, DrawsDoNotDependOnTheNumberOfThreads) {
  const int before = at::get_num_threads();
  std::vector<at::Tensor> draws[2];
  for (int threads : {1, 2}) {
    at::set_num_threads(threads);
    Streams streams(1, here);
    draws[threads - 1] = {streams.normal({200000}, "a"), streams.uniform({200000}, "b"),
                          streams.integers(1000, {200000}, "c")};
  }
  at::set_num_threads(before);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(at::equal(draws[0][i], draws[1][i])) << i;
}

TEST(Streams, DrawWhatTheyPromise) {
  Streams streams(1, here);
  const auto normal = streams.normal({50000}, "a");
  EXPECT_EQ(normal.scalar_type(), at::kFloat);
  EXPECT_NEAR(normal.mean().item<double>(), 0, 0.03);
  EXPECT_NEAR(normal.std().item<double>(), 1, 0.03);
  const auto uniform = streams.uniform({50000}, "b");
  EXPECT_GE(uniform.min().item<double>(), 0);
  EXPECT_LT(uniform.max().item<double>(), 1);
  EXPECT_NEAR(uniform.mean().item<double>(), 0.5, 0.01);
  const auto integers = streams.integers(3, {3000}, "c");
  EXPECT_EQ(integers.scalar_type(), at::kLong);
  for (int64_t value : {0, 1, 2}) EXPECT_NEAR((integers == value).sum().item<double>(), 1000, 120);
}

}  // namespace
}  // namespace fqgan::test
