// Feature quantization at a tap (FQ-GAN, Zhao et al. 2020, section 3): each position of a feature map is matched with
// its nearest entry of a dictionary that follows the features by momentum updates. Matches YangNaruto/FQ-GAN's
// FQ-BigGAN/vq_layer.py in mode "loss_only" (there the quantized map is computed and dropped); "straight_through" is
// the paper's text. On purpose different: the dictionary is replaced, never written into, so that two forwards before
// one backward are right; it is stored K x D. Revival of dead codes follows vector-quantize-pytorch's
// threshold_ema_dead_code.
#pragma once

#include "fqgan/core/fields.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

struct FeatureQuantizerOptions : Options {
  int64_t codes = 256;                    // K
  double decay = 0.8;                     // lambda of the momentum updates
  double commitment = 1.0;                // factor of the loss
  std::string mode = "loss_only";         // or "straight_through"
  int64_t warmup_images = 0;              // straight_through: the quantized share grows from 0 to 1 over these
  double epsilon = 1e-5;                  // Laplace smoothing of the cluster sizes
  std::string initialisation = "normal";  // or "kmeans": centres of the first real batch
  double dead_code_threshold = 0;         // a code whose cluster size (rows an update) falls below it becomes a row of
                                          // the batch; 0: codes are never revived
  void fields(FieldVisitor& visit) override;
};

/// One quantizer may stand at several taps with the same channels: they share its dictionary, and each tap's features
/// update it in turn. Its k-means start are the centres of the first tap.
struct FeatureQuantizer : TapModule {
  FeatureQuantizer(int64_t channels, FeatureQuantizerOptions options, Streams& random);

  /// h: N x D x H x W, contiguous or channels_last. Loss-only: returns h. Straight-through: h + share *
  /// stop_gradient(e - h).
  /// Reports per segment: loss [rows] (the commitment loss, mean over an image's elements times `commitment`), and the
  /// figures perplexity, used_codes, dead_codes (unused in the last 100 updates), revived_codes, quantization_error
  /// (mean squared, per element) and relative_error (that over the batch's variance).
  /// With pass.update_state the dictionary takes one momentum step over all rows of the batch. With pass.ranks all
  /// statistics are those of the batches of all ranks together: R ranks of N/R images equal one of N.
  /// Errors: NumericalError that names the tap when features are not finite on any rank, thrown on all ranks; the
  /// dictionary then stays as it was.
  torch::Tensor apply(const std::string& tap, const torch::Tensor& h, Pass& pass) override;

  FeatureQuantizerOptions options;
  torch::Tensor codebook, codebook_sum;  // K x D
  torch::Tensor cluster_size;            // K, momentum counts
  torch::Tensor idle_updates;            // K, updates since a code was last used

 private:
  struct Dictionary {
    torch::Tensor codebook, codebook_sum, cluster_size;
  };
  struct Statistics;
  Statistics statistics_of(const torch::Tensor& h, const torch::Tensor& codes, const torch::Tensor& loss,
                           const Ranks* ranks) const;
  torch::Tensor pick_rows(const torch::Tensor& h, const torch::Tensor& indices, const Pass& pass) const;
  Dictionary centres_of(const torch::Tensor& h, const Pass& pass) const;
  void take(const Dictionary& dictionary);
  torch::Tensor update(const torch::Tensor& h, const Statistics& statistics, Pass& pass);
  void report(const std::string& tap, const torch::Tensor& loss, const torch::Tensor& codes,
              const Statistics& statistics, const torch::Tensor& revived, Pass& pass) const;
};

}  // namespace fqgan
