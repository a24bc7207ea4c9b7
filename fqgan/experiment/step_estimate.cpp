#include "fqgan/experiment/step_estimate.h"

#include "fqgan/core/error.h"
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

/// The largest of batch / 2, batch / 4, ... whose iteration fits into `bytes`; 0: none that the recipe allows does.
int64_t batch_that_fits(Recipe& recipe, const DataInfos& data, const Numerics& numerics, double bytes) {
  auto text = RecipeText::from_string(write_options(recipe), "recipe");
  for (auto batch = recipe.model->batch / 2; batch > 0; batch /= 2) try {
      text.set("model.batch=" + std::to_string(batch));
      if (count_step(*read_recipe(text)->model, data, numerics).memory <= bytes) return batch;
    } catch (const UserError&) {  // too small for the recipe's techniques
      return 0;
    }
  return 0;
}

}  // namespace

StepEstimate estimate_step(const Recipe& recipe, const DataInfos& data, const Numerics& numerics) {
  const auto count = count_step(*recipe.model, data, numerics);
  const auto rates = measured_rates(numerics.device, numerics.compute);
  double operations = 0;
  for (const auto& [product, times] : count.products) operations += product.operations() * times;
  return {count.memory, operations / rates.operations + count.bytes / rates.bytes};
}

void log_estimate(Recipe& recipe, const DataInfos& data, const Numerics& numerics, int64_t trained) try {
  const auto left = recipe.training.iterations - trained;
  if (left <= 0) return;
  const auto estimate = estimate_step(recipe, data, numerics);
  const double free = free_memory(numerics.device);
  log_info("estimated memory: " + amount(estimate.memory) + (free > 0 ? " (" + amount(free) + " are free)" : ""));
  log_info("estimated time: " + duration(estimate.seconds) + " per iteration, " +
           duration(estimate.seconds * static_cast<double>(left)) + " for " + std::to_string(left) + " iterations");
  if (free <= 0 || estimate.memory <= free) return;
  const auto fits = batch_that_fits(recipe, data, numerics, free);
  log_warning("model.batch: a step with " + std::to_string(recipe.model->batch) +
              " images does not fit into the memory. Hint: " +
              (fits > 0 ? "set model.batch = " + std::to_string(fits) + ", which fits"
                        : "choose a smaller network or resolution; no smaller batch fits either"));
} catch (const c10::Error& error) {  // a family of a user's own may need values, or operators that `meta` lacks
  log_info("memory and time cannot be estimated for this family: " + std::string(error.what_without_backtrace()));
}

}  // namespace fqgan
