// The Inception-v3 network of FID (Szegedy et al. 2016, with the weights of the TensorFlow file of 2015-12-05): 1008
// logits, average pooling that does not count the padding, and a maximum in the pooling branch of the last block.
// Matches torch-fidelity's FeatureExtractorInceptionV3 and pytorch-fid's fid_inception_v3, with their key names.
// Exact rearrangements make it faster: batch norm is folded into the convolutions, the 1x1 convolutions of one input
// are one product, and average pooling comes after the 1x1 convolution behind it, because both are linear.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fqgan/pretrained/state_dict.h"

namespace fqgan {

inline constexpr int64_t inception_size = 299;  // pixels
inline constexpr int64_t inception_logits = 1008;
/// The widths of the features: before the logits, after Mixed_6e, and after the first two maximum poolings.
inline constexpr int64_t inception_taps[] = {2048, 768, 192, 64};

struct InceptionImpl : torch::nn::Module {
  /// weights: the 94 convolutions with batch norm and `fc`. Problems are left in `weights`; call its finish().
  explicit InceptionImpl(StateDict& weights);

  struct Output {
    torch::Tensor features;  // N x tap float32: means over the map
    torch::Tensor logits;    // N x 1008 float32, without the bias of the last layer; undefined before tap 2048
  };
  /// x: N x 3 x 299 x 299 in [-1, 1], float32 or bfloat16. Computes nothing behind the tap.
  Output forward(const torch::Tensor& x, int64_t tap = 2048);

  torch::Tensor fc_weight, fc_bias;  // 1008 x 2048, 1008

 private:
  struct Shape {
    int64_t in, out, height, width, stride = 1, padding_height = 0, padding_width = 0;
  };
  void add(StateDict& weights, const std::string& name, const Shape& shape, Activation activation = Activation::relu);
  void add_first(StateDict& weights, const std::string& block, int64_t in, const std::vector<std::string>& names,
                 const std::vector<int64_t>& widths);
  void add_block_5(StateDict& weights, const std::string& block, int64_t in, int64_t pooled);
  void add_block_6(StateDict& weights, const std::string& block, int64_t inner);
  void add_block_7(StateDict& weights, const std::string& block, int64_t in);
  FoldedWeights folded(StateDict& weights, const std::string& name, const Shape& shape);

  torch::Tensor run(const std::string& block, const std::vector<std::string>& names, torch::Tensor x);
  std::vector<torch::Tensor> first(const std::string& block, const torch::Tensor& x);
  torch::Tensor averaged(const std::string& block, const torch::Tensor& x);
  torch::Tensor block_5(const std::string& block, const torch::Tensor& x);
  torch::Tensor block_6(const std::string& block, const torch::Tensor& x);
  torch::Tensor block_6a(const torch::Tensor& x);
  torch::Tensor block_7a(const torch::Tensor& x);
  torch::Tensor block_7(const std::string& block, const torch::Tensor& x, bool maximum);

  std::map<std::string, FrozenConvolution> layers_;     // by "Mixed_5b.branch5x5_2"; "Mixed_5b" is the merged 1x1
  std::map<std::string, std::vector<int64_t>> widths_;  // of the merged 1x1 convolutions, by block
};
TORCH_MODULE(Inception);

}  // namespace fqgan
