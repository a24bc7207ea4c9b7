#include "fqgan/metrics/inception_score.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/numpy_random.h"
#include "fqgan/metrics/blocks.h"
#include "fqgan/metrics/check_features.h"

namespace fqgan {
namespace {

double score_of_split(const at::Tensor& logits) {
  const auto log_p = at::log_softmax(logits.to(at::kDouble), 1);
  // log p(y) is computed from logarithms, because it would be log 0 for a class without images
  const auto log_q = at::logsumexp(log_p, 0, true) - std::log(static_cast<double>(logits.size(0)));
  return std::exp((log_p.exp() * (log_p - log_q)).sum(1).mean().item<double>());
}

}  // namespace

void InceptionScoreOptions::fields(FieldVisitor& visit) {
  visit("splits", splits,
        about("number of splits of the images, over which mean and standard deviation are reported").at_least(1));
  visit("shuffle", shuffle,
        about("shuffle the images before the split, as torch-fidelity does (needed if they are sorted by class)"));
  visit("seed", seed, about("seed of the shuffle").at_least(0).at_most(4294967295.));
}

MeanAndStd inception_score(const at::Tensor& logits, const InceptionScoreOptions& options) {
  check_features(logits, "inception_score", "logits");
  if (options.splits < 1)
    fail("inception_score", "expected inception_score.splits >= 1, got " + std::to_string(options.splits));
  const int64_t images = logits.size(0);
  check_images(images, options.splits, "inception_score", "images, one for each of inception_score.splits",
               "use more images or fewer splits");
  auto rows = logits.detach();
  if (options.shuffle)
    rows = at::index_select(
        rows, 0, at::tensor(NumpyRandom(static_cast<uint32_t>(options.seed)).permutation(images)).to(rows.device()));
  std::vector<double> scores(options.splits);
  for_blocks(options.splits, 1, [&](int64_t split, int64_t) {
    scores[split] =
        score_of_split(rows.slice(0, split * images / options.splits, (split + 1) * images / options.splits));
  });
  const auto value = mean_and_std(scores);
  finite_value(value.mean + value.stddev, "inception_score");
  return value;
}

}  // namespace fqgan
