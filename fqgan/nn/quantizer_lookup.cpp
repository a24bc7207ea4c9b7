#include "fqgan/nn/quantizer_lookup.h"

#include <algorithm>
#include <memory>

#include "fqgan/core/error.h"
#include "fqgan/ops/quantize.h"

namespace fqgan {
namespace {

constexpr int64_t dead_after_updates = 100;

/// Positions with each code, for each group. -> G x K
torch::Tensor counted(const torch::Tensor& codes, const std::vector<RowGroup>& groups, const torch::Tensor& entries) {
  const auto options = entries.options();
  auto counts = at::zeros({static_cast<int64_t>(groups.size()), entries.size(0)}, options);
  for (size_t g = 0; g < groups.size(); ++g) {
    const auto own = groups[g].of(codes).flatten();
    counts[static_cast<int64_t>(g)].index_add_(0, own, at::ones_like(own, options));
  }
  return counts;
}

torch::Tensor perplexity(const torch::Tensor& histogram) {
  const auto p = histogram / histogram.sum().clamp_min(1);
  return at::exp(-(p * at::log(p + 1e-10)).sum());
}

/// 1/2 sum |p - q|, which for distributions is the sum of the positive differences.
torch::Tensor total_variation(const torch::Tensor& a, const torch::Tensor& b) {
  return (a / a.sum().clamp_min(1) - b / b.sum().clamp_min(1)).clamp_min(0).sum();
}

/// The variance of the features of all ranks, averaged over channels, computed from the errors: sum |x|^2 = sum |x -
/// e|^2 + 2 sum x.e - sum |e|^2.
torch::Tensor variance(const Lookup& lookup, const std::vector<RowGroup>& groups) {
  const auto wide = torch::kDouble;
  const auto e = lookup.entries.to(wide), n = lookup.counts.to(wide), total = lookup.sums.to(wide);
  const auto rows = n.sum();
  auto error = torch::zeros({}, e.options());
  int64_t images = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    error = error + lookup.errors[static_cast<int64_t>(g)].to(wide) * static_cast<double>(groups[g].rows());
    images += groups[g].rows();
  }
  const auto channels = static_cast<double>(e.size(1));
  const auto of_entries = (2 * (total * e).sum() - (n * e.pow(2).sum(1)).sum()) / rows / channels;
  const auto squares = error / static_cast<double>(images) + of_entries;
  return (squares - (total.sum(0) / rows).pow(2).mean()).clamp_min(1e-12);
}

/// One lookup with the values that the log entries of its groups share; computed at the first request.
struct Logged {
  std::vector<RowGroup> groups;
  Lookup lookup;
  torch::Tensor variance_of_features;

  void complete() {
    if (variance_of_features.defined()) return;
    if (!lookup.histograms.defined()) lookup.histograms = counted(lookup.codes, groups, lookup.entries);
    if (!lookup.counts.defined())
      std::tie(lookup.counts, lookup.sums) =
          ops::code_statistics(lookup.features, lookup.codes, lookup.entries.size(0));
    variance_of_features = variance(lookup, groups);
  }
};

/// A group's index among the lookups.
struct Place {
  std::shared_ptr<Logged> logged;
  int64_t group = 0;
  torch::Tensor histogram() const {
    logged->complete();
    return logged->lookup.histograms[group];
  }
};

std::map<std::string, torch::Tensor> log_entries(const Place& place, const Place* real, const torch::Tensor& idle) {
  torch::NoGradGuard no_grad;
  const auto histogram = place.histogram();
  const auto& lookup = place.logged->lookup;
  const auto error = lookup.errors[place.group];
  std::map<std::string, torch::Tensor> entries{
      {"perplexity", perplexity(histogram)},
      {"used_codes", (histogram > 0).sum()},
      {"dead_codes", (idle >= dead_after_updates).sum()},
      {"revived_codes", lookup.revived.defined() ? lookup.revived : at::zeros({}, histogram.options())},
      {"quantization_error", error},
      {"relative_error", error / place.logged->variance_of_features}};
  if (real) entries["distance_to_real"] = total_variation(histogram, real->histogram());
  return entries;
}

}  // namespace

QuantizedRows QuantizedRows::whole(const torch::Tensor& h, std::vector<RowGroup> groups) {
  std::vector<RowGroup::Range> ranges;
  for (const auto& group : groups) ranges.insert(ranges.end(), group.ranges.begin(), group.ranges.end());
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  QuantizedRows rows{h, {}, groups, groups};
  for (const auto& range : ranges) rows.segments.push_back(range.rows);
  return rows;
}

QuantizedRows QuantizedRows::only(const torch::Tensor& h, const RowGroup& group) {
  QuantizedRows rows{group.of(h), {}, {{group.role, {{0, group.rows()}}}}, {group}};
  for (const auto& range : group.ranges) rows.segments.push_back(range.rows);
  return rows;
}

torch::Tensor in_batch_order(const std::vector<QuantizedRows>& batches, const std::vector<torch::Tensor>& parts) {
  if (batches.size() == 1) return parts[0];
  std::map<int64_t, torch::Tensor> pieces;  // by position in the batch
  for (size_t i = 0; i < batches.size(); ++i) {
    int64_t first = 0;
    for (const auto& group : batches[i].origin)
      for (const auto& range : group.ranges) {
        pieces[range.first] = parts[i].narrow(0, first, range.rows);
        first += range.rows;
      }
  }
  std::vector<torch::Tensor> ordered;
  for (auto& [first, piece] : pieces) ordered.push_back(piece);
  return at::cat(ordered);
}

void Lookup::measure(const std::vector<RowGroup>& groups, const Pass& pass) {
  torch::NoGradGuard no_grad;
  const auto type = entries.scalar_type();
  std::vector<torch::Tensor> means;
  for (const auto& group : groups) means.push_back(group.of(loss).mean());
  errors = at::stack(means).to(type);
  if (!pass.ranks && !pass.update_state) return;
  std::tie(counts, sums) = ops::code_statistics(features, codes, entries.size(0));
  counts = counts.to(type);
  sums = sums.to(type);
  if (!pass.ranks) return;
  std::vector<torch::Tensor> totals{counted(codes, groups, entries), sums, errors};
  pass.ranks->sum(totals);
  histograms = totals[0];
  counts = histograms.sum(0);
  sums = totals[1];
  errors = totals[2] / static_cast<double>(pass.ranks->size());
}

void report_lookups(const std::string& tap, const std::vector<QuantizedRows>& batches,
                    const std::vector<Lookup>& lookups, const torch::Tensor& idle_updates, double commitment,
                    Pass& pass) {
  const auto idle = idle_updates.detach();  // an alias: the buffer is replaced by later updates
  std::map<int64_t, TapReport> reports;     // by position in the batch
  std::map<Role, Place> places;
  for (size_t i = 0; i < batches.size(); ++i) {
    const auto logged = std::make_shared<Logged>(Logged{batches[i].groups, lookups[i]});
    logged->lookup.loss.reset();  // frees the graph, which the log does not need
    for (size_t g = 0; g < batches[i].groups.size(); ++g) {
      const auto& group = batches[i].groups[g];
      const auto loss = group.of(lookups[i].loss);
      TapReport report{tap, group.role, loss * commitment, group.of(lookups[i].codes), loss.detach(), {}};
      reports.emplace(batches[i].origin[g].ranges.front().first, std::move(report));
      places[group.role] = {logged, static_cast<int64_t>(g)};
    }
  }
  for (auto& [first, report] : reports) {
    const auto real = places.find(Role::real);
    const bool compared = report.role == Role::fake && real != places.end();
    report.log_entries = [place = places[report.role], other = compared ? std::optional(real->second) : std::nullopt,
                          idle] { return log_entries(place, other ? &*other : nullptr, idle); };
    pass.reports.push_back(std::move(report));
  }
}

}  // namespace fqgan
