// The results of a lookup in a quantizer's dictionary, over all ranks, and their log entries.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// Rows that are looked up in one dictionary: a batch, or only its real or its fake rows.
struct QuantizedRows {
  static QuantizedRows whole(const torch::Tensor& h, std::vector<RowGroup> groups);
  static QuantizedRows only(const torch::Tensor& h, const RowGroup& group);

  /// Positions (images x height x width) of all ranks.
  int64_t positions(const Ranks* ranks) const { return h.size(0) * h.size(2) * h.size(3) * ranks_in(ranks); }

  torch::Tensor h;                // N x D x H x W
  std::vector<int64_t> segments;  // number of images in each segment of the pass, in h's order
  std::vector<RowGroup> groups;   // real and fake rows, as positions in h
  std::vector<RowGroup> origin;   // the same groups as positions in the pass's batch
};

/// Joins the parts, which belong to `batches`, in the order of the pass's batch.
torch::Tensor in_batch_order(const std::vector<QuantizedRows>& batches, const std::vector<torch::Tensor>& parts);

struct Lookup {
  torch::Tensor features, entries;  // N x D x H x W; K x D, the dictionary
  torch::Tensor codes, loss;        // N x H x W; N, with its gradient
  // Over all ranks together:
  torch::Tensor errors;        // G: mean squared error of each group
  torch::Tensor histograms;    // G x K: positions with each code; undefined until they are needed
  torch::Tensor counts, sums;  // K, K x D, over all groups; undefined until they are needed
  torch::Tensor revived;       // number of codes that the update revived; undefined: none

  /// Computes counts and sums for a dictionary update (with `pass.update_state`); with several ranks everything, in one
  /// collective.
  void measure(const std::vector<RowGroup>& groups, const Pass& pass);
};

/// Adds a TapReport for each group. Its log entries: perplexity (exp of the entropy of the code frequencies),
/// used_codes, dead_codes (unused in the last 100 updates), revived_codes, quantization_error (mean squared error per
/// element), relative_error (quantization_error over the variance of the features), and, for fake rows of a batch with
/// real ones, distance_to_real: the total variation 1/2 sum |p - q| between the code histograms of real and fake rows
/// (the paper's implicit feature matching; 0: equal frequencies, 1: no code in common).
void report_lookups(const std::string& tap, const std::vector<QuantizedRows>& batches,
                    const std::vector<Lookup>& lookups, const torch::Tensor& idle_updates, double commitment,
                    Pass& pass);

}  // namespace fqgan
