#include "fqgan/experiment/step_estimate.h"

#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/profiling/memory.h"
#include "fqgan/profiling/rates.h"
#include "fqgan/profiling/step_count.h"

namespace fqgan {
namespace {

std::string amount(double bytes) {
  constexpr double mebibyte = 1048576, gibibyte = 1024 * mebibyte;
  return bytes < gibibyte ? fixed(bytes / mebibyte, 0) + " MiB" : fixed(bytes / gibibyte, 1) + " GiB";
}

/// "0.031 s", "50 s", "12 minutes", "4 hours", "9 days".
std::string duration(double seconds) {
  constexpr double minute = 60, hour = 60 * minute, day = 24 * hour;
  if (seconds < 2 * minute) return significant(seconds, 2) + " s";
  if (seconds < 2 * hour) return fixed(seconds / minute, 0) + " minutes";
  if (seconds < 2 * day) return fixed(seconds / hour, 0) + " hours";
  return fixed(seconds / day, 0) + " days";
}

/// The largest of batch / 2, batch / 4, ... whose iteration fits into `bytes`; 0: none does.
int64_t batch_that_fits(Recipe& recipe, const DataInfos& data, const DatasetsByName& sets, const Numerics& numerics,
                        double bytes) {
  const auto smaller = read_recipe(RecipeText::from_string(write_options(recipe), "recipe"));
  auto& batch = smaller->model->batch;
  for (batch /= 2; batch > 0; batch /= 2)
    if (count_step(*smaller->model, data, numerics, sets).memory <= bytes) return batch;
  return 0;
}

}  // namespace

StepEstimate estimate_step(Recipe& recipe, const DataInfos& data, const DatasetsByName& sets,
                           const Numerics& numerics) {
  const auto count = count_step(*recipe.model, data, numerics, sets);
  const auto rates = measured_rates(numerics.device, numerics.compute);
  double operations = 0;
  for (const auto& [product, times] : count.products) operations += product.operations() * static_cast<double>(times);
  return {count.memory, operations / rates.operations + count.bytes / rates.bytes};
}

void log_estimate(Recipe& recipe, const DataInfos& data, const DatasetsByName& sets, const Numerics& numerics) {
  const auto estimate = estimate_step(recipe, data, sets, numerics);
  const double free = free_memory(numerics.device);
  log_info("memory, estimated: " + amount(estimate.memory) + (free > 0 ? " of " + amount(free) + " free" : ""));
  log_info("time, estimated: " + duration(estimate.seconds) + " per iteration, " +
           duration(estimate.seconds * static_cast<double>(recipe.training.iterations)) + " for " +
           std::to_string(recipe.training.iterations) + " iterations");
  if (free <= 0 || estimate.memory <= free) return;
  const auto fits = batch_that_fits(recipe, data, sets, numerics, free);
  log_warning("model.batch: a step with " + std::to_string(recipe.model->batch) +
              " images does not fit into the memory. Hint: " +
              (fits > 0 ? "model.batch = " + std::to_string(fits) + " does"
                        : "not even one image does: choose a smaller network or resolution"));
}

}  // namespace fqgan
