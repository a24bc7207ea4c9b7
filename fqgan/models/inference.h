// What a family offers for inference: a generator, a translator, a scorer, a classifier. Sampling, scoring and
// evaluation (fqgan/inference) are written once against these interfaces.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/nn/pass.h"

namespace fqgan {

struct Batch;

/// Which weights of a network: their moving average (if the family has one), or the trained weights themselves.
enum class Weights { average, raw };

enum class LatentLaw { normal, uniform };  // N(0, 1), or [0, 1)
/// resample: latent values beyond the threshold are drawn again (BigGAN, section 3.1). towards_mean: w is moved towards
/// its mean (StyleGAN's psi).
enum class Truncation { none, resample, towards_mean };
enum class NoiseMode { random, constant, none };

/// The inputs of a generator.
struct LatentSpace {
  int64_t width = 0;    // Z
  int64_t classes = 0;  // 0: unconditional
  LatentLaw law = LatentLaw::normal;
  Truncation truncation = Truncation::none;
  int64_t mapped = 0;  // width W of w; 0: there is no mapping network
  bool noise = false;  // the synthesis also takes noise
  int64_t layers = 0;  // how many rows of w the synthesis takes, one for each layer; 0: all layers share one
};

/// The input of one forward pass: z, or w if there is a mapping network.
struct Latents {
  torch::Tensor z;                           // N x Z, on the device, in the parameters' type
  torch::Tensor w;                           // N x W, or N x layers x W
  torch::Tensor labels;                      // int64 N; undefined when unconditional
  std::optional<torch::Tensor> truncation;   // psi, a scalar; only for Truncation::towards_mean
  std::optional<int64_t> truncation_cutoff;  // only so many first rows of w are truncated; unset: all
  NoiseMode noise = NoiseMode::random;
  std::vector<Streams> rows;  // one random stream per image, so that an image does not depend on its batch
};

/// w, N x W or N x layers x W -> N x layers x W.
inline torch::Tensor rows_of_w(const torch::Tensor& w, int64_t layers) {
  return w.dim() == 3 ? w : w.unsqueeze(1).expand({-1, layers, -1});
}

/// A synthesis network as a function of w and of the noise of its layers, with gradients in both.
struct DifferentiableSynthesis {
  std::map<std::string, torch::Tensor> noise;  // the constant noise of each layer, H x W, by the layer's name
  /// w: N x W, or N x layers x W; noise: H x W for each layer -> N x C x H x W, not limited to [-1, 1].
  std::function<torch::Tensor(const torch::Tensor& w, const std::map<std::string, torch::Tensor>& noise, Pass&)> images;
};

/// A generator prepared for sampling: a copy of the network, with collected normalization statistics.
struct Generator {
  LatentSpace space;
  std::shared_ptr<torch::nn::Module> network;
  std::function<torch::Tensor(const Latents&, Pass&)> images;  // -> N x C x H x W in [-1, 1]
  std::function<torch::Tensor(const Latents&, Pass&)>
      map;  // z (and labels) -> w, truncated; empty without a mapping network
  std::optional<DifferentiableSynthesis> synthesis;
};

struct GeneratorAccess {
  LatentSpace space;
  std::function<Generator(Weights)> open;
};

/// Translates images of one domain of the family into another.
struct Direction {
  std::string name, source, target;  // "a2b", "a", "b": data sets, by the names that the family's streams use
};

struct Translator {
  std::function<torch::Tensor(const torch::Tensor& images, Pass&)> images;  // N x C x H x W in [-1, 1] -> the same
};

struct TranslatorAccess {
  std::vector<Direction> directions;  // at least one
  std::function<Translator(const std::string& direction, Weights)> open;
};

/// Scores images with the trained network (no average): a discriminator (logits N) or a classifier (logits N x K).
struct Scorer {
  std::function<torch::Tensor(const Batch&, Pass&)> logits;
  int64_t classes = 0;  // number of classes of the labels that a conditional D needs, or of the logits; 0: none
  int64_t batch = 0;    // batch size that scoring must use, because minibatch discrimination makes a logit depend on
                        // the other images; 0: any
};

}  // namespace fqgan
