// The memory that is counted before a training, against what its first iteration really holds.
#include "fqgan/experiment/recipe.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/profiling/noise_images.h"
#include "fqgan/profiling/step_count.h"
#include "fqgan/training/loop.h"
#include "support/allocations.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

struct Case {
  std::string recipe;
  int64_t channels, size, batch;
};

class CountedMemory : public ::testing::TestWithParam<Case> {};

TEST_P(CountedMemory, IsThatOfTheFirstIteration) {
  const auto& c = GetParam();
  auto text = RecipeText::from_file("recipes/" + c.recipe + ".toml");
  if (text.get("family", "biggan") == "biggan") text.set("model.initialisation=normal");  // quick to draw
  text.set("model.batch=" + std::to_string(c.batch));
  const auto recipe = read_recipe(text);
  const NoiseImages images(c.channels, c.size, c.size, 10);
  const auto infos = infos_of(recipe->model->datasets(), images.info());
  const auto sets = everywhere(*recipe->model, images);
  const double counted = count_step(*recipe->model, infos, {}).memory;
  const double held = peak_of_allocations(torch::kCPU, [&] {
    const auto family = recipe->model->build(infos, {}, 1);
    Loop(*family, sets, {}).iterate();
  });
  EXPECT_NEAR(counted / held, 1, 0.1) << counted << " of " << held;
}

INSTANTIATE_TEST_SUITE_P(Recipes, CountedMemory,
                         ::testing::Values(Case{"quickstart", 1, 32, 64}, Case{"improved/mnist-100-labels", 1, 28, 100},
                                           Case{"biggan/cifar10-fq", 3, 32, 64}));
INSTANTIATE_TEST_SUITE_P(Slow, CountedMemory, ::testing::Values(Case{"biggan/imagenet128-fq", 3, 128, 16}));

}  // namespace
}  // namespace fqgan::test
