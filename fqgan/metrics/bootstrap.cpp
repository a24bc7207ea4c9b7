#include "fqgan/metrics/bootstrap.h"

#include <ATen/ops/bincount.h>
#include <ATen/ops/stack.h>

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/streams.h"
#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {
namespace {

constexpr int64_t resamples_at_once = 100;  // bounds the memory of the counts

struct DrawnRows {
  at::Tensor rows_a, rows_b;
};

DrawnRows draw_resample(int64_t number, int64_t images_a, int64_t images_b) {
  Streams random(0, Counters{.iteration = number});
  auto rows_a = random.integers(images_a, {images_a}, "bootstrap.a");
  return {std::move(rows_a), random.integers(images_b, {images_b}, "bootstrap.b")};
}

void require_several(int64_t resamples) {
  if (resamples < 2) fail("bootstrap", "expected at least 2 resamples, got " + std::to_string(resamples));
}

void show_progress(int64_t done, int64_t resamples) {
  log_status(done < resamples ? "bootstrap: " + std::to_string(done) + "/" + std::to_string(resamples) + " resamples"
                              : "");
}

}  // namespace

double bootstrap_std(int64_t resamples, int64_t images_a, int64_t images_b, const ValueOfResample& value) {
  require_several(resamples);
  std::vector<double> values;
  for (int64_t r = 0; r < resamples; ++r) {
    const auto [rows_a, rows_b] = draw_resample(r, images_a, images_b);
    values.push_back(value(rows_a, rows_b));
    show_progress(r + 1, resamples);
  }
  return sample_std(values);
}

double bootstrap_std_of_counts(int64_t resamples, int64_t images_a, int64_t images_b, const ValuesOfCounts& values) {
  require_several(resamples);
  std::vector<double> all;
  for (int64_t first = 0; first < resamples; first += resamples_at_once) {
    show_progress(first, resamples);
    std::vector<at::Tensor> counts_a, counts_b;
    for (int64_t r = first; r < std::min(resamples, first + resamples_at_once); ++r) {
      const auto [rows_a, rows_b] = draw_resample(r, images_a, images_b);
      counts_a.push_back(at::bincount(rows_a, {}, images_a).to(at::kDouble));
      counts_b.push_back(at::bincount(rows_b, {}, images_b).to(at::kDouble));
    }
    const auto some = values(at::stack(counts_a), at::stack(counts_b));
    all.insert(all.end(), some.begin(), some.end());
  }
  show_progress(resamples, resamples);
  return sample_std(all);
}

}  // namespace fqgan
