// The metrics that compare generated images with the training images.
#include <numeric>

#include "fqgan/core/error.h"
#include "fqgan/metrics/metric_table.h"
#include "fqgan/metrics/network_input.h"

namespace fqgan {
namespace {

/// Adds `scale` times the mean over the generated images, and its standard deviation.
void add_mean(const MetricWork& work, const std::string& metric, const std::vector<double>& values, double scale) {
  const auto count = static_cast<double>(values.size());
  work.add(metric, scale * std::accumulate(values.begin(), values.end(), 0.) / count);
  work.add_bootstrap(metric + "_bootstrap_std", [&](const at::Tensor& rows, const at::Tensor&) {
    const auto* row = rows.const_data_ptr<int64_t>();
    double sum = 0;
    for (int64_t i = 0; i < rows.numel(); ++i) sum += values[row[i]];
    return scale * sum / count;
  });
}

/// "12 of 100 images of B equal training images"
std::string equal_images(int64_t equal, const Measured& side) {
  return std::to_string(equal) + " of " + count_text(side.images) + " images of " + side.name +
         " equal training images";
}

}  // namespace

void measure_authenticity(const MetricWork& work) {
  add_mean(work, "auth_pct", authentic(work.training->features, work.a.features), 100);
}

void measure_copy_test(const MetricWork& work) {
  const auto equal = equal_rows(work.b.features, work.training->features);
  const std::string missing = "c_t is missing, because ";
  if (equal == work.b.images)
    return work.warn(missing + "all " + equal_images(equal, work.b) +
                     ", so that there are no test images. Hint: --against images that were held out of the training");
  const auto value = copy_test(work.training->features, work.b.features, work.a.features, work.options.c_t);
  if (!value)
    return work.warn(missing + "no cell has test images and at least " +
                     std::to_string(fewest_generated_for_copy_test) +
                     " generated images. Hint: use more images or a smaller c_t.cells");
  if (equal > 0) work.warn("c_t is too high and hides copies, because " + equal_images(equal, work.b));
  work.add("c_t" + changed_settings(work.options.c_t, CopyTestOptions()), *value);
}

namespace {

/// Adds the fractions of copies. compared: of each side, what is compared.
Copies add_copies(const MetricWork& work, const std::string& metric, at::Tensor Measured::*compared) {
  const auto of = [&](const Measured& side) {
    const auto& values = side.*compared;
    return values.defined() ? values.to(at::kFloat) : at::Tensor();
  };
  // Copies that are their own reference would pass.
  const auto held_out = same_images(work.a, work.b) ? at::Tensor() : of(work.b);
  auto copies = find_copies(of(work.a), of(*work.training), held_out);
  std::vector<double> by_distance, by_ratio;
  for (int64_t i = 0; i < copies.images(); ++i) {
    by_distance.push_back(copies.by_distance(i));
    by_ratio.push_back(copies.by_ratio(i));
  }
  add_mean(work, metric, by_distance, 1);
  add_mean(work, metric + "_by_ratio", by_ratio, 1);
  return copies;
}

}  // namespace

void measure_copied(const MetricWork& work) {
  auto copies = add_copies(work, "copied", &Measured::features);
  if (copies.held_out_in_training > 0)
    work.warn(equal_images(copies.held_out_in_training, work.b) + ", and say nothing about copies" +
              (copies.of_held_out ? "" : ": copied uses the distances between training images"));
  if (work.a.small.defined() && work.training->small.defined()) {
    auto of_pixels = work;
    const auto side = std::to_string(small_side);
    of_pixels.of = side + "x" + side;
    auto in_pixels = add_copies(of_pixels, "copied_in_pixels", &Measured::small);
    in_pixels.compared = "pixels (at " + side + " x " + side + ")";
    const auto by_features = copying_of(copies), by_pixels = copying_of(in_pixels);
    if (by_pixels > by_features)
      work.warn("the pixels show a sign of copying that the features of " + work.extractor.name() +
                " do not show, so that copied, auth and c_t by these features may miss copies");
    if (std::pair(by_pixels, in_pixels.count_by_ratio()) > std::pair(by_features, copies.count_by_ratio()))
      copies = std::move(in_pixels);
  }
  work.result.copies = std::move(copies);
}

}  // namespace fqgan
