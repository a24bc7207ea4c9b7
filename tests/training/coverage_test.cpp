// How the mode-collapse example counts: points whose answer is known.
#include "examples/mode_collapse/coverage.h"

#include <gtest/gtest.h>

namespace fqgan::test {
namespace {

TEST(Coverage, CountsGoodPointsAndTheirModes) {
  const example::Ring ring;  // 8 modes, radius 2, standard deviation 0.02: within 0.06 of a centre is good
  const auto centres = ring.centres();
  EXPECT_EQ(centres.sizes(), (std::vector<int64_t>{8, 2}));
  EXPECT_NEAR(centres[2][0].item<double>(), 0, 1e-6);
  EXPECT_NEAR(centres[2][1].item<double>(), 2, 1e-6);
  const auto all = example::coverage(centres, ring);
  EXPECT_EQ(all.modes, 8);
  EXPECT_DOUBLE_EQ(all.good, 1);
  // Two of the first mode, one of the third just within its reach, one just outside of the fifth's, one in the middle.
  const auto points = torch::tensor({2., 0., 2.03, 0.04, 0., 2.059, -2.061, 0., 0., 0.}).to(torch::kFloat).view({5, 2});
  const auto some = example::coverage(points, ring);
  EXPECT_EQ(some.modes, 2);
  EXPECT_NEAR(some.good, 0.6, 1e-6);
  const auto none = example::coverage(torch::zeros({3, 2}), ring);
  EXPECT_EQ(none.modes, 0);
  EXPECT_EQ(none.good, 0);
}

TEST(Coverage, TheRingItselfIsCovered) {
  example::Ring ring;
  ring.modes = 5;
  Streams random(1, {});
  const auto found = example::coverage(ring.draw(2500, random), ring);
  EXPECT_EQ(found.modes, 5);
  EXPECT_NEAR(found.good, 1 - std::exp(-4.5), 0.01);  // three standard deviations in the plane
}

}  // namespace
}  // namespace fqgan::test
