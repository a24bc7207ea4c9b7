// Values that NumPy printed; tests/parity/test_metrics.py compares longer draws with an installed NumPy.
#include "fqgan/core/numpy_random.h"

#include <gtest/gtest.h>

namespace fqgan {
namespace {

std::vector<double> normal(uint32_t seed) {
  NumpyRandom random(seed);
  std::vector<double> drawn(5);
  for (auto& value : drawn) value = random.normal();
  return drawn;
}

TEST(NumpyRandom, NormalIsRandn) {
  EXPECT_EQ(normal(0), (std::vector<double>{0x1.c398ef3e5cfa5p+0, 0x1.99c2cfacc8953p-2, 0x1.f51d25222c9abp-1,
                                            0x1.1ed5969e3314ep+1, 0x1.de1847cb13ddap+0}));
  EXPECT_EQ(normal(85), (std::vector<double>{0x1.6a30b5fa763c9p-3, 0x1.305a3f4656769p+1, 0x1.ff59e9bcf90d7p-1,
                                             -0x1.4f660ae9db54ep+0, 0x1.710769d3edf49p-3}));
  EXPECT_EQ(normal(0xffffffffu), (std::vector<double>{0x1.4bfc38c486d8ap-1, 0x1.56b192e507eeep-1, -0x1.149e836f192fdp+0,
                                                      0x1.23543dec5a0fcp-2, 0x1.d27bf27c6aaafp-4}));
}

TEST(NumpyRandom, UniformIsRand) {
  NumpyRandom random(0);
  EXPECT_EQ(random.uniform(), 0.5488135039273248);
  EXPECT_EQ(random.uniform(), 0.7151893663724195);
  EXPECT_EQ(random.uniform(), 0.6027633760716439);
}

}  // namespace
}  // namespace fqgan
