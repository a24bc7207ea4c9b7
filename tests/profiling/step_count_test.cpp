// The count of an iteration on `meta` against the iteration itself.
#include "fqgan/profiling/step_count.h"

#include <gtest/gtest.h>

#include "fqgan/core/options.h"
#include "fqgan/models/registry.h"
#include "fqgan/profiling/memory.h"
#include "fqgan/profiling/recorder.h"
#include "fqgan/training/loop.h"
#include "support/allocations.h"
#include "support/toy_data.h"

namespace fqgan::test {
namespace {

struct Case {
  std::string name, recipe;
  int64_t batch;
};

std::unique_ptr<FamilyOptions> options_of(const Case& c) {
  auto options = family_options("biggan");
  const auto text = RecipeText::from_string("batch = " + std::to_string(c.batch) +
                                                "\n[generator]\nwidth = 16\nmultipliers = [2, 1]\nlatent = 16\n"
                                                "[discriminator]\nwidth = 16\nmultipliers = [1, 2]\n"
                                                "downsample = [true, false]\n" +
                                                c.recipe,
                                            "test");
  read_options(text, *options);
  return options;
}

class StepCounts : public ::testing::TestWithParam<Case> {
 protected:
  ToyData data{64, 1, 16, 3};
  std::map<std::string, const Dataset*> datasets{{"train", &data}};
  DataInfos infos{{"train", data.info()}};
};

TEST_P(StepCounts, MemoryIsThatOfTheStep) {
  const auto options = options_of(GetParam());
  const auto counted = count_step(*options, infos, {}, datasets).memory;
  const auto held = peak_of_allocations(torch::kCPU, [&] {
    const auto family = options->build(infos, {}, 3);
    Loop(*family, datasets, {}).iterate();
  });
  EXPECT_NEAR(counted / held, 1, 0.05);
}

TEST_P(StepCounts, ProductsAreThoseOfTheStep) {
  const auto options = options_of(GetParam());
  const auto counted = count_step(*options, infos, {}, datasets).products;
  const auto family = options->build(infos, {}, 3);
  Loop loop(*family, datasets, {});
  std::map<Product, int64_t> made;
  {
    const OperatorRecorder recorder(torch::kCPU);
    loop.iterate();
    for (const auto& [key, total] : recorder.totals())
      for (const auto& [product, times] : total.products) made[product] += times;
  }
  const auto operations = [](const auto& products) {
    double sum = 0;
    for (const auto& [product, times] : products) sum += product.operations() * static_cast<double>(times);
    return sum;
  };
  EXPECT_NEAR(operations(counted) / operations(made), 1, 0.02);
}

INSTANTIATE_TEST_SUITE_P(Networks, StepCounts,
                         ::testing::Values(Case{"plain", "", 8}, Case{"plain", "", 64},
                                           Case{"quantized", "[quantizer]\ntaps = [\"block1\"]\ncodes = 64\n", 32},
                                           Case{"one", "", 1}),
                         [](const auto& tested) { return tested.param.name + std::to_string(tested.param.batch); });

TEST(FreeMemory, IsKnownForTheProcessor) {
  EXPECT_GT(free_memory(torch::kCPU), 1 << 20);
  EXPECT_GT(peak_resident_memory(), 1 << 20);
}

}  // namespace
}  // namespace fqgan::test
