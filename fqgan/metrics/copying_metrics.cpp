// The metrics that compare generated images with the training images.
#include "fqgan/core/error.h"
#include "fqgan/metrics/metric_table.h"

namespace fqgan {
namespace {

/// The standard deviation of a mean over the generated images.
void add_bootstrap_of_mean(const MetricWork& work, const std::string& metric, const std::vector<double>& values) {
  work.add_bootstrap(metric, [&](const at::Tensor& rows, const at::Tensor&) {
    const auto* row = rows.const_data_ptr<int64_t>();
    double sum = 0;
    for (int64_t i = 0; i < rows.numel(); ++i) sum += values[row[i]];
    return sum / static_cast<double>(rows.numel());
  });
}

/// "12 of 100 images of B equal training images"
std::string equal_images(int64_t equal, const Measured& side) {
  return std::to_string(equal) + " of " + count_text(side.images) + " images of " + side.name +
         " equal training images";
}

}  // namespace

void measure_authenticity(const MetricWork& work) {
  auto percentages = authentic(work.training->features, work.a.features);
  for (auto& value : percentages) value *= 100;
  work.add("auth_pct", mean_and_std(percentages).mean);
  add_bootstrap_of_mean(work, "auth_pct_bootstrap_std", percentages);
}

void measure_copy_test(const MetricWork& work) {
  const auto equal = equal_rows(work.b.features, work.training->features);
  if (equal == work.b.images)
    fail("c_t", "expected test images beside the training images, but all " + equal_images(equal, work.b) +
                    ". Hint: --against images that were held out of the training, or leave c_t out");
  if (equal > 0) work.warn("c_t is too high and hides copies, because " + equal_images(equal, work.b));
  const auto value = copy_test(work.training->features, work.b.features, work.a.features, work.options.c_t);
  work.add("c_t" + changed_settings(work.options.c_t, CopyTestOptions()), value);
}

void measure_copied(const MetricWork& work) {
  auto copies = find_copies(work.a.features, work.training->features, work.b.features);
  work.add("copied", copies.fraction());
  std::vector<double> copied;
  for (int64_t i = 0; i < copies.images(); ++i) copied.push_back(copies.copied(i));
  add_bootstrap_of_mean(work, "copied_bootstrap_std", copied);
  if (copies.held_out_in_training > 0)
    work.warn(equal_images(copies.held_out_in_training, work.b) + ", and say nothing about copies" +
              (copies.of_held_out ? "" : ": copied uses the distances between training images"));
  work.result.copies = std::move(copies);
}

}  // namespace fqgan
