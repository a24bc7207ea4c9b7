// StyleGAN2's generator ("skip" architecture): the mapping network, and a synthesis that grows a learned first map and
// adds up the colours of all resolutions. Names of parameters as in NVlabs/stylegan2-ada-pytorch.
#pragma once

#include <functional>

#include "fqgan/models/stylegan2/mapping.h"
#include "fqgan/models/stylegan2/options.h"

namespace fqgan {

/// Gives each layer its noise: N x 1 x H x W or 1 x 1 x H x W of N(0, 1), or undefined for none. Layers are asked in
/// order.
struct NoiseRequest {
  std::string layer;  // "b8.conv0"
  int64_t height, width;
  torch::Tensor constant;  // the layer's own noise: H x W
};
using NoiseSource = std::function<torch::Tensor(const NoiseRequest&)>;

/// A modulated 3x3 convolution with noise and leaky ReLU.
struct SynthesisLayerImpl : WeightedLayer {
  SynthesisLayerImpl(const StyleGan2Plan& plan, int64_t in, const StyleGan2Level& level, bool up, double clamp,
                     Streams& random);
  /// x: N x Ci x H x W, w: N x W -> N x Co x H' x W' of the level
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& noise, Pass& pass);

  Linear affine{nullptr};
  torch::Tensor bias, noise_strength, noise_const;  // Co, a scalar, H x W
  bool up;
  double clamp;
};
TORCH_MODULE(SynthesisLayer);

/// A modulated 1x1 convolution to the channels of the images, without demodulation.
struct ToRgbImpl : WeightedLayer {
  ToRgbImpl(const StyleGan2Plan& plan, int64_t in, double clamp, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& w, Pass& pass);

  Linear affine{nullptr};
  torch::Tensor bias;
  double clamp;
};
TORCH_MODULE(ToRgb);

struct SynthesisBlockImpl : torch::nn::Module {
  /// `level`: its number in plan.levels.
  SynthesisBlockImpl(const StyleGan2Plan& plan, size_t level, double clamp, Streams& random);

  std::string name;                               // "b8"
  torch::Tensor start;                            // of the first block: C x H x W, named "const"
  SynthesisLayer conv0{nullptr}, conv1{nullptr};  // conv0: null in the first block
  ToRgb torgb{nullptr};
};
TORCH_MODULE(SynthesisBlock);

struct SynthesisImpl : torch::nn::Module {
  SynthesisImpl(const StyleGan2Plan& plan, double clamp, Streams& random);
  /// ws: N x rows x W, one row for each layer -> N x C x H x W in the parameters' type. The values are not limited.
  torch::Tensor forward(const torch::Tensor& ws, const NoiseSource& noise, Pass& pass);

  std::vector<SynthesisBlock> blocks;
  int64_t rows;
};
TORCH_MODULE(Synthesis);

struct StyleGan2GeneratorImpl : torch::nn::Module {
  StyleGan2GeneratorImpl(const StyleGan2Options& options, const StyleGan2Plan& plan, Streams& random);

  StyleGan2Plan plan;
  Mapping mapping{nullptr};
  Synthesis synthesis{nullptr};
};
TORCH_MODULE(StyleGan2Generator);

}  // namespace fqgan
