// Sources of dictionary entries: random draws, k-means centres, rows of the batch.
#pragma once

#include <torch/torch.h>

#include "fqgan/core/streams.h"
#include "fqgan/nn/quantizer_lookup.h"

namespace fqgan {

/// K x D normal values cut off at two standard deviations, with variance 1 / D after that; as TensorFlow's
/// variance_scaling_initializer for a D x K variable (FQ-StyleGAN/training of YangNaruto/FQ-GAN).
torch::Tensor variance_scaled_entries(int64_t codes, int64_t channels, Streams& random);

/// Selects rows from the batches of all ranks, numbered segment by segment as in one batch; the same on every rank.
/// indices: K, below rows.positions(ranks). -> K x D. One collective with several ranks.
torch::Tensor picked_rows(const QuantizedRows& rows, const torch::Tensor& indices, torch::ScalarType type,
                          const Ranks* ranks);

/// Ten rounds of Lloyd's algorithm from rows of the batch. -> centres K x D, counts K
std::pair<torch::Tensor, torch::Tensor> kmeans_entries(const QuantizedRows& rows, int64_t codes, torch::ScalarType type,
                                                       const Pass& pass);

}  // namespace fqgan
