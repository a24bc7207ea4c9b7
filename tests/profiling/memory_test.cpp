// The memory of a large batch, told by two small ones.
#include "fqgan/profiling/memory.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fqgan/core/options.h"
#include "fqgan/models/registry.h"
#include "support/toy_data.h"

namespace fqgan::test {
namespace {

struct Networks {
  explicit Networks(bool quantized) : options(family_options("biggan")) {
    const auto text = RecipeText::from_string(std::string("biases = \"zero\"\n[generator]\nwidth = 16\n"
                                                          "multipliers = [2, 1]\nlatent = 16\n"
                                                          "[discriminator]\nwidth = 16\nmultipliers = [1, 2]\n"
                                                          "downsample = [true, false]\n") +
                                                  (quantized ? "[quantizer]\ntaps = [\"block1\"]\ncodes = 64\n" : ""),
                                              "test");
    read_options(text, *options);
  }
  FamilyOfBatch build() {
    return [this](int64_t batch) {
      options->batch = batch;
      return options->build({{"train", data.info()}}, Numerics{}, 3);
    };
  }
  std::unique_ptr<FamilyOptions> options;
  ToyData data{64, 1, 16, 3};
  std::map<std::string, const Dataset*> datasets{{"train", &data}};
};

class MemoryOfBatches : public ::testing::TestWithParam<bool> {};

TEST_P(MemoryOfBatches, IsThatOfTheRealStep) {
  Networks networks(GetParam());
  const StepMemory memory(networks.build(), networks.datasets, torch::kCPU, 3, 64);
  for (const int64_t batch : {8, 32, 64}) {
    const auto held = memory_history(networks.build(), networks.datasets, torch::kCPU, 3, batch);
    const auto peak = static_cast<double>(*std::max_element(held.begin(), held.end()));
    EXPECT_NEAR(memory.peak(batch) / peak, 1, 0.05) << batch;
  }
}

TEST_P(MemoryOfBatches, ALargestBatchFitsAndTwiceThatDoesNot) {
  Networks networks(GetParam());
  const StepMemory memory(networks.build(), networks.datasets, torch::kCPU, 3, 64);
  const double free = memory.peak(40);
  EXPECT_EQ(memory.largest_batch(40, free), 40);
  EXPECT_EQ(memory.largest_batch(64, free), 32);
  EXPECT_EQ(memory.largest_batch(64, 1), 0);
}

INSTANTIATE_TEST_SUITE_P(PlainAndQuantized, MemoryOfBatches, ::testing::Bool());

TEST(FreeMemory, IsToldForTheProcessor) {
  EXPECT_GT(free_memory(torch::kCPU), 1 << 20);
  EXPECT_GT(peak_resident_memory(), 1 << 20);
}

TEST(MemoryOfAStep, OfADataSetOfOneImage) {  // there are no two batches to compare: what one image takes is measured
  Networks networks(false);
  const ToyData one(1, 1, 16, 3);
  const auto build = [&](int64_t batch) {
    networks.options->batch = batch;
    return networks.options->build({{"train", one.info()}}, Numerics{}, 3);
  };
  const StepMemory memory(build, {{"train", &one}}, torch::kCPU, 3, 1);
  const auto held = memory_history(build, {{"train", &one}}, torch::kCPU, 3, 1);
  EXPECT_NEAR(memory.peak(1) / static_cast<double>(*std::max_element(held.begin(), held.end())), 1, 0.05);
}

}  // namespace
}  // namespace fqgan::test
