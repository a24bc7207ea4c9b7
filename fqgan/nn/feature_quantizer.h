// Feature quantization at a tap (FQ-GAN, Zhao et al. 2020, section 3): each position of a feature map is assigned to
// the nearest entry of a dictionary, which follows the features by momentum updates. In mode "loss_only" it matches
// FQ-BigGAN/vq_layer.py of YangNaruto/FQ-GAN (which computes the quantized map and drops it). With average =
// "zero_debiased" and order = "real_then_fake" it matches the layers of FQ-StyleGAN and FQ-U-GAT-IT (TensorFlow). Mode
// "straight_through" follows the text of the paper. Revival of dead codes follows vector-quantize-pytorch's
// threshold_ema_dead_code. On purpose different: an update replaces the dictionary and never writes into it, so that
// two forwards before one backward are correct; the dictionary is stored as K x D.
#pragma once

#include "fqgan/core/fields.h"
#include "fqgan/nn/quantizer_lookup.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

struct FeatureQuantizerOptions : Options {
  int64_t codes = 256;
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

/// One quantizer may be attached to several taps with the same channels. They share its dictionary, and each tap's
/// features update it in turn; a k-means initialisation uses the features of the first tap.
struct FeatureQuantizer : TapModule {
  FeatureQuantizer(int64_t channels, FeatureQuantizerOptions options, Streams& random);

  /// h: N x D x H x W, contiguous or channels_last. Returns h (loss_only), or h + fraction * stop_gradient(e - h)
  /// (straight_through).
  /// Reports, for real and for fake rows: loss [rows] (the commitment loss, mean over an image's elements times
  /// `commitment`), and on request the log entries of quantizer_lookup.h.
  /// With pass.update_state the dictionary takes one momentum step over all rows of the batch. With order =
  /// "real_then_fake" it takes a step over the real rows and then one over the fake rows, which are looked up in the
  /// updated dictionary. With pass.ranks the statistics are over the batches of all ranks, so that R ranks with N/R
  /// images equal one with N; a lookup takes one collective (k-means and revival have their own).
  /// Errors: NumericalError that names the tap when features are not finite, thrown on all ranks; the dictionary is
  /// then unchanged. On an accelerator the dictionary is unchanged too, but the error is found at the next report,
  /// because nothing here waits for the device.
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
