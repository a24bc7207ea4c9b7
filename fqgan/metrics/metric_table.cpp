#include "fqgan/metrics/metric_table.h"

#include <torch/torch.h>

#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/metrics/check_features.h"
#include "fqgan/metrics/classifier.h"
#include "fqgan/metrics/cmmd.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/fid_infinity.h"
#include "fqgan/metrics/frechet.h"
#include "fqgan/metrics/mean_and_std.h"
#include "fqgan/metrics/neighbours.h"
#include "fqgan/metrics/path_length.h"

namespace fqgan {
namespace {

void measure_fid(const MetricWork& work) {
  work.add("fid", frechet_distance(work.a.moments, work.b.moments));
  work.add_bootstrap("fid_bootstrap_std", [&](const at::Tensor& a, const at::Tensor& b) {
    return frechet_distance_of_features(work.a.features.index_select(0, a), work.b.features.index_select(0, b));
  });
}

void measure_kid(const MetricWork& work) {
  const auto [mean, stddev] = kernel_distance(work.a.features, work.b.features, work.options.kid);
  const auto with = settings_of(metric_named("kid", "kid"), work.options, work.extractor.convention());
  work.add("kid" + with, mean);
  work.add("kid_std" + with, stddev);
  const auto images = work.a.features.size(0);
  if (images == work.b.features.size(0) && images == work.options.kid.images_of_subset(images, images))
    work.warn("kid_std says nothing, because every subset holds all images. Hint: a smaller kid.subset_size, such as " +
              std::to_string(std::max<int64_t>(2, images / 2)));
  if (work.options.bootstrap == 0) return;
  const auto &a = work.a.features, &b = work.b.features;
  work.add("kid_bootstrap_std" + with,
           bootstrap_std_of_counts(work.options.bootstrap, a.size(0), b.size(0),
                                   [&](const at::Tensor& counts_a, const at::Tensor& counts_b) {
                                     return kernel_distances_of_counts(a, b, work.options.kid, counts_a, counts_b);
                                   }));
}

void measure_cmmd(const MetricWork& work) {
  work.add("cmmd", cmmd(work.a.features, work.b.features));
  work.add_bootstrap("cmmd_bootstrap_std", [&](const at::Tensor& a, const at::Tensor& b) {
    return cmmd(work.a.features.index_select(0, a), work.b.features.index_select(0, b));
  });
}

void measure_fid_infinity(const MetricWork& work) {
  work.add("fid_infinity", fid_infinity(work.a.features, work.b.moments));
}

void measure_inception_score(const MetricWork& work) {
  if (!work.a.logits.defined()) fail_without_logits("is", work.extractor);
  auto logits = work.a.logits.to(at::kDouble);
  if (const auto bias = work.extractor.logit_bias(); bias.defined()) logits = logits - bias;
  const auto [mean, stddev] = inception_score(logits, work.options.inception_score);
  const auto with = settings_of(metric_named("is", "is"), work.options, work.extractor.convention());
  work.add("inception_score" + with, mean);
  work.add("inception_score_std" + with, stddev);
}

void measure_precision_recall(const MetricWork& work) {
  const auto counts = neighbour_counts(work.b.features, work.a.features, precision_recall_convention);
  work.add("precision", counts.precision());
  work.add("recall", counts.recall());
}

void measure_prdc(const MetricWork& work) {
  const auto counts = neighbour_counts(work.b.features, work.a.features, prdc_convention);
  work.add("density", counts.density());
  work.add("coverage", counts.coverage());
  work.add("prdc_precision", counts.precision());
  work.add("prdc_recall", counts.recall());
  if (counts.empty_real_balls > 0)
    work.warn("density and coverage are too low, because " + std::to_string(counts.empty_real_balls) + " of " +
              std::to_string(counts.real) + " images of " + work.b.name + " have " + std::to_string(counts.neighbours) +
              " or more equal ones, so that nothing is nearer than these");
}

void measure_accuracy(const MetricWork& work) {
  if (!work.a.logits.defined()) fail_without_logits("accuracy", work.extractor);
  const auto classes = classes_of_logits(work.extractor, work.a.logits.size(1), work.a.class_names, work.a.name);
  const auto labels = matched_labels(work.a.labels, work.a.class_names, classes, work.a.name);
  if (!(labels >= 0).any().item<bool>()) fail(work.a.name, "expected images with classes for accuracy, got none");
  work.add("class_accuracy", class_accuracy(work.a.logits, labels));
  work.add_bootstrap("class_accuracy_bootstrap_std", [&](const at::Tensor& rows, const at::Tensor&) {
    return class_accuracy(work.a.logits.index_select(0, rows), labels.index_select(0, rows));
  });
  for (size_t k = 0; k < classes.size(); ++k) {
    const auto rows = (labels == static_cast<int64_t>(k)).nonzero().flatten();
    if (rows.numel() > 0)
      work.add("class_accuracy", class_accuracy(work.a.logits.index_select(0, rows), labels.index_select(0, rows)),
               classes[k]);
  }
}

void measure_intra_fid(const MetricWork& work) {
  const auto labels = matched_labels(work.a.labels, work.a.class_names, work.b.class_names, work.a.name);
  const auto& classes = work.b.class_names;
  std::vector<at::Tensor> own, other;  // rows of each class
  std::vector<int64_t> own_images, other_images;
  for (int64_t k = 0; k < std::ssize(classes); ++k) {
    own.push_back((labels == k).nonzero().flatten());
    other.push_back((work.b.labels == k).nonzero().flatten());
    own_images.push_back(own.back().numel());
    other_images.push_back(other.back().numel());
  }
  check_class_images(own_images, classes, work.a.name);
  check_class_images(other_images, classes, work.b.name);
  std::vector<double> distances;
  for (size_t k = 0; k < classes.size(); ++k)
    distances.push_back(frechet_distance_of_features(work.a.features.index_select(0, own[k]),
                                                     work.b.features.index_select(0, other[k])));
  work.add("intra_fid", mean_and_std(distances).mean);
  for (size_t k = 0; k < classes.size(); ++k) work.add("intra_fid", distances[k], classes[k]);
  const auto least = std::min(*std::min_element(own_images.begin(), own_images.end()),
                              *std::min_element(other_images.begin(), other_images.end()));
  if (least < few_images)
    work.warn("intra_fid is biased upwards: a class has only " + std::to_string(least) +
              " images; compare it only with values over the same number of images");
}

void measure_path_length(const MetricWork& work) {
  const auto [mean, stddev] = path_length(work.a.steps);
  const auto with = settings_of(metric_named("ppl", "ppl"), work.options, work.extractor.convention());
  work.add("ppl" + with, mean);
  work.add("ppl_std" + with, stddev);
  if (mean == 0)
    work.warn("ppl is 0, because no image changes for a small step of its latent in the features of " +
              work.extractor.name() + ": the generator ignores its latents, or the extractor rounds its images");
}

FewestOfSides one_image(const MetricOptions&) { return {}; }

FewestOfSides fewest_for_moments(const MetricOptions&) { return {{fewest_for_frechet}, {fewest_for_frechet}, {}}; }

FewestOfSides fewest_for_kid(const MetricOptions& options) {
  const Fewest fewest{options.kid.fewest_images(), options.kid.shrink ? "" : "kid.subset_size"};
  return {fewest, fewest, {}};
}

FewestOfSides fewest_for_splits(const MetricOptions& options) {
  return {{options.inception_score.splits, "inception_score.splits"}, {}, {}};
}

template <const NeighbourConvention& convention>
FewestOfSides fewest_for_neighbours(const MetricOptions&) {
  return {{convention.fewest_images()}, {convention.fewest_images()}, {}};
}

FewestOfSides fewest_for_line(const MetricOptions&) { return {{fewest_for_fid_infinity}, {fewest_for_frechet}, {}}; }

FewestOfSides fewest_for_authenticity(const MetricOptions&) { return {{}, {}, {fewest_training_for_authenticity}}; }

FewestOfSides fewest_for_cells(const MetricOptions& options) {
  return {{fewest_generated_for_copy_test}, {}, {options.c_t.fewest_training_images(), "c_t.cells"}};
}

FewestOfSides fewest_for_copies(const MetricOptions&) { return {{}, {}, {fewest_training_for_copies}}; }

const std::vector<MetricRow> table = {
    {{.name = "fid",
      .meaning = "Frechet inception distance: Frechet distance of the features",
      .value_name = "fid",
      .smaller_is_better = true,
      .needs_images = false,
      .bootstraps = true},
     true,
     measure_fid,
     fewest_for_moments},
    {{.name = "kid",
      .meaning = "kernel inception distance: mean and standard deviation over subsets",
      .value_name = "kid",
      .settings = "kid",
      .smaller_is_better = true,
      .bootstraps = true},
     false,
     measure_kid,
     fewest_for_kid},
    {{.name = "is",
      .meaning = "inception score of the generated images: mean and standard deviation over splits",
      .value_name = "inception_score",
      .settings = "inception_score",
      .needs_logits = true},
     true,
     measure_inception_score,
     fewest_for_splits,
     /*compares=*/false},
    {{.name = "pr", .meaning = "precision and recall with 3 nearest neighbours", .value_name = "precision"},
     true,
     measure_precision_recall,
     fewest_for_neighbours<precision_recall_convention>},
    {{.name = "prdc", .meaning = "density and coverage with 5 nearest neighbours", .value_name = "density"},
     true,
     measure_prdc,
     fewest_for_neighbours<prdc_convention>},
    {{.name = "accuracy",
      .meaning = "fraction of the generated images that the classifier assigns to their class",
      .value_name = "class_accuracy",
      .needs_logits = true,
      .needs_labels = true,
      .bootstraps = true},
     false,
     measure_accuracy,
     one_image,
     /*compares=*/false},
    {{.name = "intra_fid",
      .meaning = "mean over the classes of the Frechet distance within a class",
      .value_name = "intra_fid",
      .smaller_is_better = true,
      .needs_labels = true,
      .needs_labels_against = true},
     false,
     measure_intra_fid,
     fewest_for_moments},
    {{.name = "cmmd",
      .meaning = "1000 times the biased MMD^2 with an RBF kernel of normalized features (sigma 10)",
      .value_name = "cmmd",
      .smaller_is_better = true,
      .bootstraps = true},
     false,
     measure_cmmd,
     one_image},
    {{.name = "fid_infinity",
      .meaning = "FID extrapolated to infinitely many generated images",
      .value_name = "fid_infinity",
      .smaller_is_better = true},
     false,
     measure_fid_infinity,
     fewest_for_line},
    {{.name = "auth",
      .meaning = "percentage of generated images that are farther from a training image than its nearest other one is",
      .value_name = "auth_pct",
      .needs_training = true,
      .bootstraps = true},
     false,
     measure_authenticity,
     fewest_for_authenticity,
     /*compares=*/false},
    {{.name = "c_t",
      .meaning = "test of copying: far below 0 if generated images are nearer to training images than test images are",
      .value_name = "c_t",
      .settings = "c_t",
      .needs_training = true},
     false,
     measure_copy_test,
     fewest_for_cells},
    {{.name = "copied",
      .meaning = "fraction of generated images nearer to a training image than all but 1 % of real images are",
      .value_name = "copied",
      .smaller_is_better = true,
      .needs_small_images = true,
      .needs_training = true,
      .bootstraps = true},
     false,
     measure_copied,
     fewest_for_copies,
     /*compares=*/false},
    {{.name = "ppl",
      .meaning = "perceptual path length: how much the generated images change for a small step of their latents",
      .value_name = "ppl",
      .settings = "ppl",
      .smaller_is_better = true,
      .needs_images = false,
      .needs_steps = true},
     false,
     measure_path_length,
     one_image,
     /*compares=*/false}};

}  // namespace

const std::vector<MetricRow>& metric_table() { return table; }

void MetricWork::add(const std::string& metric, double value, const std::string& of_class) const {
  const auto name = metric + "/" + of + (of_class.empty() ? "" : "/" + of_class);
  result.values.push_back({name, finite_value(value, name)});
}

const MetricRow& row_named(const std::string& name, const std::string& where) {
  std::vector<std::string> known;
  for (const auto& row : metric_table()) {
    if (row.metric.name == name) return row;
    known.push_back(row.metric.name);
  }
  fail(where, "expected the name of a metric, got '" + name + "'" +
                  suggestion(name, known, ". Hint: the metrics are " + join(known)));
}

std::optional<int64_t> least_images(const Measured& a, const Measured& b) {
  if (!a.images || !b.images) return a.images ? a.images : b.images;
  return std::min(a.images, b.images);
}

std::string settings_of(const Metric& metric, const MetricOptions& options, const std::string& convention) {
  const auto& of = convention_named(convention, "convention");
  const auto own = under(of, options);
  if (metric.name == "kid") return changed_settings(own.kid, of.settings.kid);
  if (metric.name == "is") return changed_settings(own.inception_score, of.settings.inception_score);
  if (metric.name == "c_t") return changed_settings(options.c_t, CopyTestOptions());
  if (metric.name == "ppl") return changed_settings(options.ppl, PathLengthOptions());
  return "";
}

}  // namespace fqgan
