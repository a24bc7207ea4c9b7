// Feature quantization at a tap (FQ-GAN, Zhao et al. 2020, section 3): each position of a feature map is matched with
// its nearest entry of a dictionary that follows the features by momentum updates. Matches YangNaruto/FQ-GAN's
// FQ-BigGAN/vq_layer.py in mode "loss_only" (there the quantized map is computed and dropped); "straight_through" is
// the paper's text. On purpose different: the dictionary is replaced, never written into, so that two forwards before
// one backward are right; it is stored K x D.
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
  std::string initialisation = "normal";  // or "first_batch": rows of the first real batch
  void fields(FieldVisitor& visit) override;
};

struct FeatureQuantizer : TapModule {
  FeatureQuantizer(int64_t channels, FeatureQuantizerOptions options, Streams& random);

  /// h: N x D x H x W. Loss-only: returns h. Straight-through: h + share * stop_gradient(e - h).
  /// Reports per segment: loss [rows] (the commitment loss, mean over an image's elements times `commitment`), and the
  /// figures perplexity, used_codes, dead_codes (unused in the last 100 updates) and relative_error (squared error over
  /// the features' variance).
  /// With pass.update_state the dictionary takes one momentum step over all rows of the batch (and of all ranks).
  /// Errors: NumericalError that names the tap when features are not finite; the dictionary then stays as it was.
  torch::Tensor apply(const std::string& tap, const torch::Tensor& h, Pass& pass) override;

  FeatureQuantizerOptions options;
  torch::Tensor codebook, codebook_sum;  // K x D
  torch::Tensor cluster_size;            // K, momentum counts
  torch::Tensor idle_updates;            // K, updates since a code was last used

 private:
  void initialise_from(const torch::Tensor& rows, Pass& pass);
  void update(const torch::Tensor& rows, const torch::Tensor& codes, const Ranks* ranks);
  void report(const std::string& tap, const torch::Tensor& loss, const torch::Tensor& h, const torch::Tensor& codes,
              Pass& pass);
};

}  // namespace fqgan
