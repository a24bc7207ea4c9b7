// What inference can do with a family, as values: a family offers what it has, and an unset member means that it has
// none. Samplers, scoring and evaluation (fqgan/inference) are written once against these.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/nn/pass.h"

namespace fqgan {

struct Batch;

/// Which copy of a network: its moving average (where the family has one), or the trained network itself.
enum class Weights { average, raw };

enum class LatentLaw { normal, uniform };  // N(0, 1), or [0, 1)
/// resample: latents beyond the value are drawn again (BigGAN, section 3.1); towards_mean: w moves towards its mean
/// (StyleGAN, psi).
enum class Truncation { none, resample, towards_mean };
enum class NoiseMode { random, constant, none };

/// What a generator's images are made from.
struct LatentSpace {
  int64_t width = 0;    // Z
  int64_t classes = 0;  // 0: unconditional
  LatentLaw law = LatentLaw::normal;
  Truncation truncation = Truncation::none;
  int64_t mapped = 0;  // width W of w; 0: there is no mapping
  bool noise = false;  // images also take noise
};

/// Input of one forward: z, or w where the space has a mapping.
struct Latents {
  torch::Tensor z;                   // N x Z, on the device, in the parameters' type
  torch::Tensor w;                   // N x W, or N x layers x W
  torch::Tensor labels;              // int64 N; undefined when unconditional
  std::optional<double> truncation;  // psi, for Truncation::towards_mean alone
  NoiseMode noise = NoiseMode::random;
  std::vector<Streams> rows;  // one per image: what else is drawn for it, so that it is the same in any batch
};

/// A generator made ready for drawing: its own copy of the network, statistics of its normalizations collected.
struct Generator {
  LatentSpace space;
  std::shared_ptr<torch::nn::Module> network;
  std::function<torch::Tensor(const Latents&, Pass&)> images;  // -> N x C x H x W in [-1, 1]
  std::function<torch::Tensor(const Latents&, Pass&)> map;     // z (and labels) -> w; empty without a mapping
};

struct GeneratorAccess {
  LatentSpace space;
  std::function<Generator(Weights)> open;
};

/// Translates images of one data set of the family into the look of another.
struct Direction {
  std::string name, source, target;  // "a2b", "a", "b": the data sets as the family's streams name them
};

struct Translator {
  std::function<torch::Tensor(const torch::Tensor& images, Pass&)> images;  // N x C x H x W in [-1, 1] -> the same
};

struct TranslatorAccess {
  std::vector<Direction> directions;  // at least one
  std::function<Translator(const std::string& direction, Weights)> open;
};

/// Scores images: a discriminator (logits N) or a classifier (logits N x K), reading the trained network as it is.
struct Scorer {
  std::function<torch::Tensor(const Batch&, Pass&)> logits;
  int64_t classes = 0;  // of the labels that it needs (a conditional discriminator), or of its logits; 0: none
  int64_t batch = 0;    // images that it must see at a time, as in training, because minibatch discrimination makes a
                        // logit depend on the others; 0: any number
};

}  // namespace fqgan
