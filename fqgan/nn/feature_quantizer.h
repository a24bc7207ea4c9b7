// Feature quantization at a tap (FQ-GAN, Zhao et al. 2020, section 3): each position of a feature map is matched with
// its nearest entry of a dictionary that follows the features by momentum updates. In mode "loss_only" it equals
// FQ-BigGAN/vq_layer.py of YangNaruto/FQ-GAN (there the quantized map is computed and dropped); with average =
// "zero_debiased" and order = "real_then_fake" the layers of its TensorFlow programs (FQ-StyleGAN, FQ-U-GAT-IT).
// "straight_through" is the paper's text. On purpose different: the dictionary is replaced, never written into, so that
// two forwards before one backward are right; it is stored K x D. Revival of dead codes follows
// vector-quantize-pytorch's threshold_ema_dead_code.
#pragma once

#include "fqgan/core/fields.h"
#include "fqgan/nn/quantizer_lookup.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

struct FeatureQuantizerOptions : Options {
  int64_t codes = 256;  // K
  double decay = 0.8;
  double commitment = 1.0;
  std::string mode = "loss_only";
  int64_t warmup_images = 0;
  double epsilon = 1e-5;
  std::string initialisation = "normal";
  std::string average = "plain";
  std::string order = "together";
  double dead_code_threshold = 0;
  void fields(FieldVisitor& visit) override;
};

/// One quantizer may stand at several taps with the same channels: they share its dictionary, and each tap's features
/// update it in turn. Its k-means start are the centres of the first tap.
struct FeatureQuantizer : TapModule {
  FeatureQuantizer(int64_t channels, FeatureQuantizerOptions options, Streams& random);

  /// h: N x D x H x W, contiguous or channels_last. Loss-only: returns h. Straight-through: h + fraction *
  /// stop_gradient(e - h).
  /// Reports for real and for fake rows: loss [rows] (the commitment loss, mean over an image's elements times
  /// `commitment`), and when they are asked for the log entries of quantizer_lookup.h.
  /// With pass.update_state the dictionary takes one momentum step over all rows of the batch, or with order =
  /// "real_then_fake" one over its real rows and then one over its fake rows, which are looked up in what the first has
  /// made of it. With pass.ranks all statistics are those of the batches of all ranks together, R ranks of N/R images
  /// equal one of N; a lookup costs one collective (a k-means start and a revival have their own).
  /// Errors: NumericalError that names the tap when features are not finite on any rank, thrown on all ranks; the
  /// dictionary then stays as it was. So it does on an accelerator, which nobody waits for here: there the loss that is
  /// not finite is found when a report is due.
  torch::Tensor apply(const std::string& tap, const torch::Tensor& h, Pass& pass) override;

  FeatureQuantizerOptions options;
  torch::Tensor codebook;      // K x D
  torch::Tensor codebook_sum;  // K x D, momentum sum of the rows of each code
  torch::Tensor cluster_size;  // K, momentum count of the rows of each code
  torch::Tensor idle_updates;  // K, int64: updates since a code was last used
  torch::Tensor updates;       // int64 scalar, updates so far; "zero_debiased" only

 private:
  struct Dictionary {
    torch::Tensor codebook, codebook_sum, cluster_size;
  };
  void start(const std::string& tap, const torch::Tensor& features, const Pass& pass);
  Lookup look_up(const std::string& tap, const QuantizedRows& rows, Pass& pass);
  /// Returns how many codes were revived.
  torch::Tensor update(const QuantizedRows& rows, const Lookup& lookup, Pass& pass);
  void take(const Dictionary& dictionary);

  bool zero_debiased() const { return updates.defined(); }
};

}  // namespace fqgan
