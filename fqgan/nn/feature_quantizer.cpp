#include "fqgan/nn/feature_quantizer.h"

#include <algorithm>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/nn/quantizer_start.h"
#include "fqgan/ops/quantize.h"
#include "fqgan/ops/quantize_reference.h"

namespace fqgan {
namespace {

void require_finite(bool finite, const std::string& tap) {
  if (!finite) throw NumericalError("tap " + tap, "the features are not finite; the dictionary is unchanged");
}

/// The whole batch, or its real rows and then its fake rows.
std::vector<QuantizedRows> in_order(const torch::Tensor& h, const Pass& pass, const std::string& order) {
  const auto groups = pass.groups(h.size(0));
  if (order == "together" || groups.size() < 2) return {QuantizedRows::whole(h, groups)};
  const auto& real = groups[groups[0].role == Role::real ? 0 : 1];
  const auto& fake = groups[groups[0].role == Role::real ? 1 : 0];
  return {QuantizedRows::only(h, real), QuantizedRows::only(h, fake)};
}

}  // namespace

void FeatureQuantizerOptions::fields(FieldVisitor& visit) {
  visit("codes", codes, about("number of dictionary entries K").at_least(1).at_most(1 << 24));
  visit("decay", decay,
        about("momentum of the dictionary updates (lambda in the paper)").at_least(0).at_most(0.999999));
  visit("commitment", commitment, about("weight of the commitment loss").at_least(0));
  visit("mode", mode,
        about("output of the layer: the features ('loss_only'), or their nearest entries ('straight_through')")
            .one_of({"loss_only", "straight_through"}));
  visit("warmup_images", warmup_images,
        about("mode 'straight_through': number of real images over which the quantized fraction of the output grows "
              "from 0 to 1")
            .at_least(0));
  visit("epsilon", epsilon, about("constant of the Laplace smoothing of the cluster sizes").more_than(0));
  visit("initialisation", initialisation,
        about("initial dictionary: entries from N(0, 1) (FQ-BigGAN, FQ-U-GAT-IT), from N(0, 1 / D) cut off at two "
              "standard deviations ('variance_scaling', FQ-StyleGAN), or k-means centres of the first batch")
            .one_of({"normal", "variance_scaling", "kmeans"}));
  visit("average", average,
        about("momentum averages of counts and sums: plain (FQ-BigGAN), or divided by 1 - decay^updates, so that the "
              "initial dictionary has no weight and unused codes become zero (FQ-StyleGAN, FQ-U-GAT-IT)")
            .one_of({"plain", "zero_debiased"}));
  visit("order", order,
        about("order of the dictionary updates: from real and generated images together (FQ-BigGAN), or from the real "
              "and then from the generated ones (FQ-StyleGAN, FQ-U-GAT-IT)")
            .one_of({"together", "real_then_fake"}));
  visit("dead_code_threshold", dead_code_threshold,
        about("a code whose momentum count (positions per update) falls below this is replaced by a feature of the "
              "batch (0: never)")
            .at_least(0));
}

FeatureQuantizer::FeatureQuantizer(int64_t channels, FeatureQuantizerOptions o, Streams& random)
    : options(std::move(o)) {
  const bool debiased = options.average == "zero_debiased";
  codebook = register_buffer("codebook", options.initialisation == "variance_scaling"
                                             ? variance_scaled_entries(options.codes, channels, random)
                                             : random.normal({options.codes, channels}, "feature_quantizer"));
  codebook_sum = register_buffer("codebook_sum", debiased ? torch::zeros_like(codebook) : codebook.clone());
  cluster_size = register_buffer("cluster_size", torch::zeros({options.codes}));
  idle_updates = register_buffer("idle_updates", torch::zeros({options.codes}, torch::kLong));
  if (debiased) updates = register_buffer("updates", torch::zeros({}, torch::kLong));
}

torch::Tensor FeatureQuantizer::apply(const std::string& tap, const torch::Tensor& h, Pass& pass) {
  const LayerScope scope(this);
  check_shape(h, {any, codebook.size(1), any, any}, "feature_quantizer " + tap);
  if (pass.initialise && options.initialisation == "kmeans") start(tap, h.detach(), pass);
  const auto batches = in_order(h, pass, options.order);
  std::vector<Lookup> lookups;
  for (const auto& rows : batches) lookups.push_back(look_up(tap, rows, pass));
  report_lookups(tap, batches, lookups, idle_updates, options.commitment, pass);
  if (options.mode == "loss_only") return h;
  const double fraction = options.warmup_images ? std::min(1., pass.images_seen / options.warmup_images) : 1.;
  std::vector<torch::Tensor> replaced;
  for (size_t i = 0; i < batches.size(); ++i)
    replaced.push_back(ops::straight_through(batches[i].h, lookups[i].entries, lookups[i].codes, fraction));
  return in_batch_order(batches, replaced);
}

/// Initialises the dictionary by k-means; if taps share it, the first tap's features are used.
void FeatureQuantizer::start(const std::string& tap, const torch::Tensor& features, const Pass& pass) {
  if (features.is_meta() || cluster_size.any().item<bool>()) return;  // no data to cluster, or already initialised
  const auto squares = features.to(codebook.scalar_type()).pow(2).sum();
  const bool broken = !at::isfinite(squares).item<bool>();
  require_finite(!(pass.ranks ? pass.ranks->any(broken) : broken), tap);
  const auto rows = QuantizedRows::whole(features, pass.groups(features.size(0)));
  const auto [centres, counts] = kmeans_entries(rows, options.codes, codebook.scalar_type(), pass);
  const auto size = counts.clamp_min(1);
  // Zero-debiased: the state after a first update with these counts, so that the centres count in later averages.
  const double fraction = zero_debiased() ? 1 - options.decay : 1;
  take({centres, centres * size.unsqueeze(1) * fraction, size * fraction});
  if (zero_debiased()) updates.set_data(torch::ones_like(updates));
}

Lookup FeatureQuantizer::look_up(const std::string& tap, const QuantizedRows& rows, Pass& pass) {
  Lookup found;
  found.features = rows.h.detach();
  // An alias: the graph keeps this dictionary when a later update replaces it.
  found.entries = codebook.detach();
  found.codes = ops::nearest_code(found.features, found.entries);
  found.loss = pass.plain() ? ops::reference::commitment_loss(rows.h, found.entries, found.codes)
                                        : ops::commitment_loss(rows.h, found.entries, found.codes);
  found.measure(rows.groups, pass);
  if (rows.h.is_cpu()) require_finite(std::isfinite(found.errors.sum().item<double>()), tap);
  if (pass.update_state) found.revived = update(rows, found, pass);
  return found;
}

void FeatureQuantizer::take(const Dictionary& dictionary) {
  codebook.set_data(dictionary.codebook);
  codebook_sum.set_data(dictionary.codebook_sum);
  cluster_size.set_data(dictionary.cluster_size);
}

torch::Tensor FeatureQuantizer::update(const QuantizedRows& rows, const Lookup& lookup, Pass& pass) {
  torch::NoGradGuard no_grad;
  const auto& counts = lookup.counts;
  const auto number = zero_debiased() ? std::optional(updates + 1) : std::nullopt;
  auto [entries, sum, size] =
      ops::momentum_update(codebook_sum, cluster_size, counts, lookup.sums, options.decay, options.epsilon, number);
  auto idle = (idle_updates + 1) * (counts == 0).to(at::kLong);
  torch::Tensor revived;
  if (options.dead_code_threshold > 0 && !counts.is_meta()) {
    const auto drawn = pass.random.integers(rows.positions(pass.ranks), {options.codes}, "feature_quantizer revival");
    const auto fresh = picked_rows(rows, drawn, codebook.scalar_type(), pass.ranks);
    // Momentum sums that make `threshold` the average.
    const auto weight = ops::momentum_weight(options.decay, number);
    const auto threshold = at::full_like(size, options.dead_code_threshold) * weight;
    const auto dead = size < threshold, dead_rows = dead.unsqueeze(1);
    entries = at::where(dead_rows, fresh, entries);
    sum = at::where(dead_rows, fresh * threshold.unsqueeze(1), sum);
    size = at::where(dead, threshold, size);
    idle = idle.masked_fill(dead, 0);
    revived = dead.sum().to(counts.scalar_type());
  }
  if (!rows.h.is_cpu() && !rows.h.is_meta()) {  // not checked yet on an accelerator
    const auto finite = at::isfinite(lookup.errors).all();
    entries = at::where(finite, entries, codebook);
    sum = at::where(finite, sum, codebook_sum);
    size = at::where(finite, size, cluster_size);
    idle = at::where(finite, idle, idle_updates);
  }
  take({entries, sum, size});
  idle_updates.set_data(idle);
  if (number) updates.set_data(*number);
  return revived;
}

}  // namespace fqgan
