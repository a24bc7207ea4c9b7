#include "fqgan/nn/feature_quantizer.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/ops/quantize.h"
#include "fqgan/ops/quantize_twin.h"

namespace fqgan {
namespace {

constexpr int64_t dead_after_updates = 100;
constexpr int64_t kmeans_iterations = 10;

/// exp of the entropy of the code usage (natural logarithm); 1 when one code takes all, K when all are used alike.
torch::Tensor perplexity(const torch::Tensor& counts) {
  const auto p = counts / counts.sum().clamp_min(1);
  return at::exp(-(p * at::log(p + 1e-10)).sum());
}

std::vector<Segment> segments_of(const Pass& pass, int64_t images) {
  return pass.segments.empty() ? std::vector<Segment>{{Role::real, images}} : pass.segments;
}

torch::Tensor summed(torch::Tensor x, const Ranks* ranks) {
  if (!ranks) return x;
  std::vector<torch::Tensor> total{x};
  ranks->sum(total);
  return total[0];
}

/// Throws on all ranks when one of them has something that is not finite: a rank that threw alone would leave the
/// others waiting for its share of the next sum.
void require_finite(const torch::Tensor& x, const std::string& tap, const Ranks* ranks) {
  const auto broken = summed(at::isfinite(x).logical_not().any().to(torch::kFloat), ranks);
  if (broken.item<float>() > 0)
    throw NumericalError("tap " + tap, "the features are not finite; the dictionary was left as it was");
}

}  // namespace

/// Of the batches of all ranks: rows per code, their sums, and the variance of the features.
struct FeatureQuantizer::Statistics {
  torch::Tensor counts, sums, variance;
};

void FeatureQuantizerOptions::fields(FieldVisitor& visit) {
  visit("codes", codes, about("dictionary entries K").at_least(1).at_most(1 << 24));
  visit("decay", decay, about("momentum lambda of the dictionary updates").at_least(0).at_most(0.999999));
  visit("commitment", commitment, about("factor of the commitment loss").at_least(0));
  visit("mode", mode,
        about("what flows on: the features, or their nearest entries").one_of({"loss_only", "straight_through"}));
  visit("warmup_images", warmup_images,
        about("straight_through: real images over which the quantized share grows to 1").at_least(0));
  visit("epsilon", epsilon, about("Laplace smoothing of the cluster sizes").more_than(0));
  visit("initialisation", initialisation,
        about("N(0, 1) entries, or k-means centres of the first batch").one_of({"normal", "kmeans"}));
  visit(
      "dead_code_threshold", dead_code_threshold,
      about("a code with a smaller momentum count (rows an update) becomes a row of the batch; 0: never").at_least(0));
}

FeatureQuantizer::FeatureQuantizer(int64_t channels, FeatureQuantizerOptions o, Streams& random)
    : options(std::move(o)) {
  codebook = register_buffer("codebook", random.normal({options.codes, channels}, "feature_quantizer"));
  codebook_sum = register_buffer("codebook_sum", codebook.clone());
  cluster_size = register_buffer("cluster_size", torch::zeros({options.codes}));
  idle_updates = register_buffer("idle_updates", torch::zeros({options.codes}, torch::kLong));
}

torch::Tensor FeatureQuantizer::apply(const std::string& tap, const torch::Tensor& h, Pass& pass) {
  const LayerScope scope(this);
  check_shape(h, {any, codebook.size(1), any, any}, "feature_quantizer " + tap);
  const auto features = h.detach();
  // Of the taps that share a dictionary the first gives it its start.
  const bool starts = pass.initialise && options.initialisation == "kmeans" && !cluster_size.any().item<bool>();
  if (starts) require_finite(features.to(codebook.scalar_type()).pow(2).sum({1, 2, 3}), tap, pass.ranks);
  // An alias with its own identity: what the graph keeps stays as it is when the dictionary is replaced.
  const auto start = starts ? centres_of(features, pass) : Dictionary{codebook.detach(), {}, {}};
  const auto& entries = start.codebook;
  const auto codes = ops::nearest_code(features, entries);
  const auto loss = pass.twin ? ops::twin::commitment_loss(h, entries, codes) : ops::commitment_loss(h, entries, codes);
  require_finite(loss.detach(), tap, pass.ranks);
  if (starts) take(start);
  const auto statistics = statistics_of(features, codes, loss.detach(), pass.ranks);
  auto revived = at::zeros({}, statistics.counts.options());
  if (pass.update_state) revived = update(features, statistics, pass);
  report(tap, loss, codes, statistics, revived, pass);
  if (options.mode == "loss_only") return h;
  const double share = options.warmup_images ? std::min(1., pass.images_seen / options.warmup_images) : 1.;
  return ops::straight_through(h, entries, codes, share);
}

FeatureQuantizer::Statistics FeatureQuantizer::statistics_of(const torch::Tensor& h, const torch::Tensor& codes,
                                                             const torch::Tensor& loss, const Ranks* ranks) const {
  auto [local_counts, local_sums] = ops::code_statistics(h, codes, options.codes);
  const auto counts = summed(local_counts.to(codebook.scalar_type()), ranks);
  const auto sums = summed(local_sums.to(codebook.scalar_type()), ranks);
  // The squares of the features from their errors: sum |x|^2 = sum |x - e|^2 + 2 sum x.e - sum |e|^2.
  const auto wide = torch::kDouble;
  const auto e = codebook.to(wide), n = counts.to(wide), total = sums.to(wide);
  const auto error = summed(loss.to(wide).sum() * static_cast<double>(h.numel() / h.size(0)), ranks);
  const auto squares = error + 2 * (total * e).sum() - (n * e.pow(2).sum(1)).sum();
  const auto rows = n.sum();
  const auto variance = squares / rows / static_cast<double>(h.size(1)) - (total.sum(0) / rows).pow(2).mean();
  return {counts, sums, variance.clamp_min(1e-12).to(codebook.scalar_type())};
}

/// Rows of the batches of all ranks, segment by segment as if they were one batch; the same on every rank. -> K x D
torch::Tensor FeatureQuantizer::pick_rows(const torch::Tensor& h, const torch::Tensor& indices,
                                          const Pass& pass) const {
  const auto positions = h.size(2) * h.size(3), ranks = ranks_in(pass.ranks), rank = rank_in(pass.ranks);
  auto local = torch::zeros_like(indices), mine = torch::zeros(indices.sizes(), torch::kBool);
  int64_t begin = 0, local_begin = 0;
  for (const auto& segment : segments_of(pass, h.size(0))) {
    const auto share = segment.rows * positions;
    const auto offset = indices - begin;
    const auto here = (offset >= rank * share) & (offset < (rank + 1) * share) & (offset < ranks * share);
    local = at::where(here, offset - rank * share + local_begin, local);
    mine = mine | here;
    begin += ranks * share;
    local_begin += share;
  }
  const auto rows = h.flatten(2).transpose(1, 2).index(
      {at::floor_divide(local, positions).to(h.device()), at::remainder(local, positions).to(h.device())});
  return summed(rows.to(codebook.scalar_type()) * mine.unsqueeze(1).to(h.device()), pass.ranks);
}

FeatureQuantizer::Dictionary FeatureQuantizer::centres_of(const torch::Tensor& h, const Pass& pass) const {
  // The first centres: rows without replacement while there are enough, then again.
  const auto rows = h.size(0) * h.size(2) * h.size(3) * ranks_in(pass.ranks);
  const auto order = at::argsort(pass.random.uniform({rows}, "feature_quantizer"));
  const auto picked = order.repeat({options.codes / rows + 1}).narrow(0, 0, options.codes);
  const auto sum = [&](at::Tensor& x) { x = summed(x, pass.ranks); };
  const auto [centres, counts] = ops::kmeans(h, pick_rows(h, picked, pass), kmeans_iterations, sum);
  const auto size = counts.clamp_min(1);
  return {centres, centres * size.unsqueeze(1), size};
}

void FeatureQuantizer::take(const Dictionary& dictionary) {
  codebook.set_data(dictionary.codebook);
  codebook_sum.set_data(dictionary.codebook_sum);
  cluster_size.set_data(dictionary.cluster_size);
}

/// Returns how many codes were revived.
torch::Tensor FeatureQuantizer::update(const torch::Tensor& h, const Statistics& statistics, Pass& pass) {
  torch::NoGradGuard no_grad;
  const auto& counts = statistics.counts;
  auto [entries, sum, size] =
      ops::momentum_update(codebook_sum, cluster_size, counts, statistics.sums, options.decay, options.epsilon);
  auto idle = (idle_updates + 1) * (counts == 0).to(at::kLong);
  auto revived = at::zeros({}, counts.options());
  if (options.dead_code_threshold > 0) {
    const auto rows = h.size(0) * h.size(2) * h.size(3) * ranks_in(pass.ranks);
    const auto fresh = pick_rows(h, pass.random.integers(rows, {options.codes}, "feature_quantizer revival"), pass);
    const auto dead = size < options.dead_code_threshold, dead_rows = dead.unsqueeze(1);
    entries = at::where(dead_rows, fresh, entries);
    sum = at::where(dead_rows, fresh * options.dead_code_threshold, sum);
    size = size.masked_fill(dead, options.dead_code_threshold);
    idle = idle.masked_fill(dead, 0);
    revived = dead.sum().to(counts.scalar_type());
  }
  take({entries, sum, size});
  idle_updates.set_data(idle);
  return revived;
}

void FeatureQuantizer::report(const std::string& tap, const torch::Tensor& loss, const torch::Tensor& codes,
                              const Statistics& statistics, const torch::Tensor& revived, Pass& pass) const {
  const auto segments = segments_of(pass, loss.size(0));
  const double ranks = static_cast<double>(ranks_in(pass.ranks));
  std::vector<torch::Tensor> counts, errors;  // per segment: rows per code; mean squared error
  int64_t first = 0;
  for (const auto& segment : segments) {
    const auto own = codes.narrow(0, first, segment.rows).flatten();
    counts.push_back(at::zeros({options.codes}, loss.options()).index_add_(0, own, at::ones_like(own, loss.options())));
    errors.push_back(loss.detach().narrow(0, first, segment.rows).mean() / ranks);
    first += segment.rows;
  }
  const auto all_counts = summed(at::stack(counts), pass.ranks), all_errors = summed(at::stack(errors), pass.ranks);
  first = 0;
  for (size_t s = 0; s < segments.size(); ++s) {
    const auto index = static_cast<int64_t>(s), rows = segments[s].rows;
    TapReport entry{tap, segments[s].role, loss.narrow(0, first, rows) * options.commitment};
    entry.codes = codes.narrow(0, first, rows);
    entry.error = loss.detach().narrow(0, first, rows);
    entry.figures["perplexity"] = perplexity(all_counts[index]);
    entry.figures["used_codes"] = (all_counts[index] > 0).sum();
    entry.figures["dead_codes"] = (idle_updates >= dead_after_updates).sum();
    entry.figures["revived_codes"] = revived;
    entry.figures["quantization_error"] = all_errors[index];
    entry.figures["relative_error"] = all_errors[index] / statistics.variance;
    pass.reports.push_back(std::move(entry));
    first += rows;
  }
}

}  // namespace fqgan
