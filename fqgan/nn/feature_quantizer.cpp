#include "fqgan/nn/feature_quantizer.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/ops/quantize.h"

namespace fqgan {
namespace {

constexpr int64_t dead_after_updates = 100;

/// exp of the entropy of the code usage (natural logarithm); 1 when one code takes all, K when all are used alike.
torch::Tensor perplexity(const torch::Tensor& counts) {
  const auto p = counts / counts.sum().clamp_min(1);
  return at::exp(-(p * at::log(p + 1e-10)).sum());
}

}  // namespace

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
        about("N(0, 1) entries, or rows of the first batch").one_of({"normal", "first_batch"}));
}

FeatureQuantizer::FeatureQuantizer(int64_t channels, FeatureQuantizerOptions o, Streams& random)
    : options(std::move(o)) {
  codebook = register_buffer("codebook", random.normal({options.codes, channels}, "feature_quantizer"));
  codebook_sum = register_buffer("codebook_sum", codebook.clone());
  cluster_size = register_buffer("cluster_size", torch::zeros({options.codes}));
  idle_updates = register_buffer("idle_updates", torch::zeros({options.codes}, torch::kLong));
}

torch::Tensor FeatureQuantizer::apply(const std::string& tap, const torch::Tensor& h, Pass& pass) {
  check_shape(h, {any, codebook.size(1), any, any}, "feature_quantizer " + tap);
  const auto rows = ops::map_rows(h.detach());
  if (pass.initialise && options.initialisation == "first_batch") initialise_from(rows, pass);
  const auto codes = ops::nearest_code(rows, codebook);
  // An alias with its own identity: what the graph keeps stays as it is when the dictionary is replaced.
  const auto entries = codebook.detach();
  const auto loss = pass.twin ? ops::commitment_loss_twin(h, entries, codes) : ops::commitment_loss(h, entries, codes);
  if (!at::isfinite(loss.detach().sum()).item<bool>())
    throw NumericalError("tap " + tap, "the features are not finite; the dictionary was left as it was");
  report(tap, loss * options.commitment, h.detach(), codes, pass);
  if (pass.update_state) update(rows, codes, pass.ranks);
  if (options.mode == "loss_only") return h;

  const auto quantized = at::embedding(entries, codes)
                             .to(h.scalar_type())
                             .reshape({h.size(0), h.size(2), h.size(3), h.size(1)})
                             .permute({0, 3, 1, 2});
  const double share = options.warmup_images ? std::min(1., pass.images_seen / options.warmup_images) : 1.;
  return h + share * (quantized - h.detach());
}

void FeatureQuantizer::initialise_from(const torch::Tensor& rows, Pass& pass) {
  // Without replacement while there are rows enough, then again: the K smallest of random keys.
  auto keys = pass.random.uniform({rows.size(0)}, "feature_quantizer");
  auto picked = at::argsort(keys).repeat({options.codes / rows.size(0) + 1}).narrow(0, 0, options.codes);
  const auto share = static_cast<double>(rows.size(0)) / static_cast<double>(options.codes);
  codebook.set_data(rows.index_select(0, picked.to(rows.device())).to(codebook.scalar_type()));
  codebook_sum.set_data(codebook * share);
  cluster_size.set_data(at::full_like(cluster_size, share));
}

void FeatureQuantizer::update(const torch::Tensor& rows, const torch::Tensor& codes, const Ranks* ranks) {
  torch::NoGradGuard no_grad;
  auto [counts, sums] = ops::code_statistics(rows, codes, options.codes);
  if (ranks) {
    ranks->sum(counts);
    ranks->sum(sums);
  }
  const double fresh = 1 - options.decay;
  const auto size = cluster_size * options.decay + counts.to(cluster_size.scalar_type()) * fresh;
  const auto sum = codebook_sum * options.decay + sums.to(codebook_sum.scalar_type()) * fresh;
  const auto total = size.sum();
  const auto smoothed =
      (size + options.epsilon) / (total + static_cast<double>(options.codes) * options.epsilon) * total;
  codebook.set_data(sum / smoothed.unsqueeze(1));
  codebook_sum.set_data(sum);
  cluster_size.set_data(size);
  idle_updates.set_data((idle_updates + 1) * (counts == 0).to(at::kLong));
}

void FeatureQuantizer::report(const std::string& tap, const torch::Tensor& loss, const torch::Tensor& h,
                              const torch::Tensor& codes, Pass& pass) {
  auto segments = pass.segments;
  if (segments.empty()) segments = {{Role::real, h.size(0)}};
  const auto positions = h.size(2) * h.size(3);
  // The variance of the whole batch's features, so that both roles are measured with one ruler.
  const auto rows = ops::map_rows(h).to(codebook.scalar_type());
  const auto variance = (rows.pow(2).mean(0) - rows.mean(0).pow(2)).mean().clamp_min(1e-12);
  int64_t first = 0;
  for (const auto& segment : segments) {
    TapReport entry{tap, segment.role, loss.narrow(0, first, segment.rows), {}};
    const auto counts = at::bincount(codes.narrow(0, first * positions, segment.rows * positions), {}, options.codes)
                            .to(codebook.scalar_type());
    entry.figures["perplexity"] = perplexity(counts);
    entry.figures["used_codes"] = (counts > 0).sum();
    entry.figures["dead_codes"] = (idle_updates >= dead_after_updates).sum();
    if (options.commitment > 0)
      entry.figures["relative_error"] = entry.loss.detach().mean() / options.commitment / variance;
    pass.reports.push_back(std::move(entry));
    first += segment.rows;
  }
}

}  // namespace fqgan
