#include "fqgan/experiment/step_memory.h"

#include <cstdio>

#include "fqgan/core/log.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

std::string amount(double bytes) {
  constexpr double mebibyte = 1048576, gibibyte = 1024 * mebibyte;
  return bytes < gibibyte ? fixed(bytes / mebibyte, 0) + " MiB" : fixed(bytes / gibibyte, 1) + " GiB";
}

}  // namespace

StepMemory step_memory(Recipe& recipe, const DataInfos& data, const DatasetsByName& sets, const Numerics& numerics) {
  const auto copy = read_recipe(RecipeText::from_string(write_options(recipe), "recipe"));
  const auto seed = static_cast<uint64_t>(recipe.seed);
  const auto build = [&](int64_t batch) {
    copy->model->batch = batch;
    return copy->model->build(data, numerics, seed);
  };
  return StepMemory(build, sets, numerics.device, seed, recipe.model->batch);
}

void tell_memory(Recipe& recipe, const DataInfos& data, const DatasetsByName& sets, const Numerics& numerics) {
  const double free = free_memory(numerics.device);
  const auto memory = step_memory(recipe, data, sets, numerics);
  const auto batch = recipe.model->batch;
  const double needed = memory.peak(batch);
  log_info("memory: networks and step take " + amount(needed) + (free > 0 ? " of " + amount(free) + " free" : ""));
  if (free <= 0 || needed <= free) return;
  const auto fits = memory.largest_batch(batch, free);
  log_warning("model.batch: " + std::to_string(batch) + " will not fit into the memory. Hint: " +
              (fits > 0 ? "model.batch = " + std::to_string(fits) + " does"
                        : "not even one image does: a smaller network or resolution"));
}

}  // namespace fqgan
