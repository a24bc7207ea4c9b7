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
  const std::string family = c.name == "dense" ? "improved" : c.name == "style" ? "stylegan2" : "biggan";
  auto options = family_options(family);
  const std::map<std::string, std::string> networks{
      {"biggan",
       "[generator]\nwidth = 16\nmultipliers = [2, 2, 1]\nlatent = 16\n[discriminator]\n"
       "width = 16\nmultipliers = [1, 2]\ndownsample = [true, false]\n"},
      {"improved", "[generator]\nhidden = [64]\n[discriminator]\nhidden = [128, 64]\n"},
      {"stylegan2",
       "channel_base = 512\nchannel_max = 32\n[generator]\nlatent = 32\nstyle = 32\n"
       "path_length = { interval = 1 }\n[discriminator]\nr1 = { interval = 1 }\n"}};
  const auto text =
      RecipeText::from_string("batch = " + std::to_string(c.batch) + "\n" + networks.at(family) + c.recipe, "test");
  read_options(text, *options);
  return options;
}

class StepCounts : public ::testing::TestWithParam<Case> {
 protected:
  ToyData data{64, 1, 16, 3};
  std::map<std::string, const Dataset*> datasets{{"train", &data}, {"labelled", &data}};
  DataInfos infos{{"train", data.info()}, {"labelled", data.info()}};
};

TEST_P(StepCounts, MemoryIsThatOfTheStep) {
  const auto options = options_of(GetParam());
  const auto counted = count_step(*options, infos, {}).memory;
  const auto held = peak_of_allocations(torch::kCPU, [&] {
    const auto family = options->build(infos, {}, 3);
    Loop(*family, datasets, {}).iterate();
  });
  EXPECT_NEAR(counted / held, 1, 0.05);
}

TEST_P(StepCounts, ProductsAndBytesAreThoseOfTheStep) {
  const auto options = options_of(GetParam());
  const auto counted = count_step(*options, infos, {});
  const auto family = options->build(infos, {}, 3);
  Loop loop(*family, datasets, {});
  StepCount made;
  {
    const OperatorRecorder recorder(torch::kCPU);
    loop.iterate();
    for (const auto& [key, total] : recorder.totals()) {
      made.bytes += total.bytes;
      for (const auto& [product, times] : total.products) made.products[product] += times;
    }
  }
  const auto operations = [](const StepCount& count) {
    double sum = 0;
    for (const auto& [product, times] : count.products) sum += product.operations() * static_cast<double>(times);
    return sum;
  };
  EXPECT_NEAR(operations(counted) / operations(made), 1, 0.02);
  EXPECT_NEAR(counted.bytes / made.bytes, 1, 0.6);  // Adam shows its tensors on `meta` alone
}

INSTANTIATE_TEST_SUITE_P(Networks, StepCounts,
                         ::testing::Values(Case{"plain", "", 8}, Case{"plain", "", 64},
                                           Case{"quantized", "[quantizer]\ntaps = [\"block1\"]\ncodes = 64\n", 32},
                                           Case{"dense", "", 32}, Case{"style", "", 8}, Case{"one", "", 1}),
                         [](const auto& tested) { return tested.param.name + std::to_string(tested.param.batch); });

TEST(FreeMemory, IsKnownForTheProcessor) {
  EXPECT_GT(free_memory(torch::kCPU), 1 << 20);
  EXPECT_GT(peak_memory(torch::kCPU), 1 << 20);
}

}  // namespace
}  // namespace fqgan::test
