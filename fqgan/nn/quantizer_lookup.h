// What a lookup in a quantizer's dictionary has found, over all ranks, and what is logged of it.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// Rows that are looked up in one dictionary: a batch, or those of it that are real or fake.
struct QuantizedRows {
  static QuantizedRows whole(const torch::Tensor& h, std::vector<RowGroup> groups);
  static QuantizedRows only(const torch::Tensor& h, const RowGroup& group);

  /// Positions (images x height x width) of all ranks.
  int64_t positions(const Ranks* ranks) const { return h.size(0) * h.size(2) * h.size(3) * ranks_in(ranks); }

  torch::Tensor h;                // N x D x H x W
  std::vector<int64_t> segments;  // images of each segment of the pass, in h's order
  std::vector<RowGroup> groups;   // places in h
  std::vector<RowGroup> origin;   // the same groups' places in the pass's batch
};

/// The rows of tensors that belong to `batches`, in the order of the pass's batch.
torch::Tensor in_batch_order(const std::vector<QuantizedRows>& batches, const std::vector<torch::Tensor>& parts);

struct Lookup {
  torch::Tensor features, entries;  // N x D x H x W; K x D: where they were looked up
  torch::Tensor codes, loss;        // N x H x W; N, with its gradient
  // Of all ranks together:
  torch::Tensor errors;        // G: mean squared error of each group
  torch::Tensor histograms;    // G x K: positions with each code; undefined until they are asked for
  torch::Tensor counts, sums;  // K, K x D, over all groups; undefined until they are asked for
  torch::Tensor revived;       // codes that became a row of the batch in the update after it; undefined: none

  /// Fills what a dictionary update needs (with `pass.update_state`), and with several ranks everything, in one
  /// collective.
  void measure(const std::vector<RowGroup>& groups, const Pass& pass);
};

/// Adds a TapReport for each group. Its log entries: perplexity (exp of the entropy of the codes' use), used_codes,
/// dead_codes (unused in the last 100 updates), revived_codes, quantization_error (mean squared, per element),
/// relative_error (that over the variance of the features), and for fake rows, where the batch has real ones too,
/// distance_to_real: the total variation 1/2 sum |p - q| between the code histograms of real and fake rows, which is
/// what the paper calls implicit feature matching (0: the same codes alike; 1: no code in common).
void report_lookups(const std::string& tap, const std::vector<QuantizedRows>& batches,
                    const std::vector<Lookup>& lookups, const torch::Tensor& idle_updates, double commitment,
                    Pass& pass);

}  // namespace fqgan
