// Which instruction sets there are, how one is forced, and the multiplications of a profile's peak.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "fqgan/core/error.h"
#include "ops/kernel_sets.h"

namespace fqgan::test {
namespace {

namespace kernels = ops::kernels;

std::vector<std::string> available_names() {
  std::vector<std::string> names;
  for (int n = 0; const auto* set = kernels::available(n); ++n) names.push_back(set->name);
  return names;
}

/// $FQGAN_INSTRUCTION_SET while it lives.
struct Forced {
  explicit Forced(const std::string& name) {
    setenv("FQGAN_INSTRUCTION_SET", name.c_str(), 1);
    kernels::use(nullptr);
  }
  ~Forced() {
    unsetenv("FQGAN_INSTRUCTION_SET");
    kernels::use(nullptr);
  }
};

TEST(InstructionSets, AreListedBestFirst) {
  const std::vector<std::string> all{"amx_bf16", "avx512_bf16", "avx512", "avx2", "plain"};
  const auto names = available_names();
  auto place = all.begin();
  for (const auto& name : names) {
    place = std::find(place, all.end(), name);
    ASSERT_NE(place, all.end()) << name;
  }
  EXPECT_EQ(names.back(), "plain");
}

TEST(InstructionSets, CanBeForced) {
  for (const auto& name : available_names()) {
    const Forced forced(name);
    EXPECT_EQ(kernels::active().name, name);
  }
  const Forced forced("sse9");
  const auto message = message_of<UserError>([] { kernels::active(); });
  for (const auto& name : available_names()) EXPECT_CONTAINS(message, name);
}

TEST(InstructionSets, ScreenInBfloat16WhereTheyMultiplyIt) {
  on_every_instruction_set([] {
    const auto& set = kernels::active();
    const bool multiplies = std::string(set.name).find("bf16") != std::string::npos;
    EXPECT_EQ(set.screening.bfloat16, multiplies);
    EXPECT_EQ(set.screening.finer != nullptr, multiplies);
  });
}

TEST(InstructionSets, CountTheOperationsOfTheirPeak) {
  on_every_instruction_set([] {
    const auto& peak = kernels::active().peak;
    for (const auto burn : {peak.float32, peak.bfloat16})
      if (burn) {
        EXPECT_GT(burn(1), 0);
        EXPECT_EQ(burn(1000), 1000 * burn(1));
      }
  });
}

}  // namespace
}  // namespace fqgan::test
