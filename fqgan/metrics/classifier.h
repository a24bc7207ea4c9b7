// The classifier: a small convolutional network, trained on a data set's own labels, whose 128 activations before the
// logits serve as features, so that metrics need no pretrained weights. Its metrics can rank generators of that data
// set; they are not comparable with Inception metrics, and their names say so.
#pragma once

#include <torch/torch.h>

#include <map>

#include "fqgan/metrics/features.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/layers.h"

namespace fqgan {

inline constexpr int64_t classifier_features = 128;

/// Blocks of convolution 3x3 (32, 64, then 128 channels), max pooling, batch norm and ReLU until the longer side is at
/// most 4 pixels; a linear layer to 128 with batch norm and ReLU (the features); a linear layer to the logits.
struct ClassifierNetworkImpl : torch::nn::Module {
  ClassifierNetworkImpl(const ImageShape& shape, int64_t classes, Streams& random);

  struct Output {
    torch::Tensor features, logits;  // N x 128, N x classes
  };
  /// images: float N x C x H x W in [-1, 1].
  Output forward(const torch::Tensor& images, Pass& pass);

  std::vector<Conv2d> convolutions;
  std::vector<BatchNorm> norms;
  Linear hidden{nullptr}, head{nullptr};
  BatchNorm hidden_norm{nullptr};
};
TORCH_MODULE(ClassifierNetwork);

/// uint8 or float32 N x C x H x W from 0 to 255 -> float32 in [-1, 1], channels_last.
torch::Tensor classifier_input(const torch::Tensor& pixels, torch::Device device);

/// Facts about a classifier, stored with its weights.
struct ClassifierFacts {
  ImageShape shape;
  std::vector<std::string> class_names;
  std::string data, data_key;  // name (for messages) and key of the data set
  int64_t training_images = 0;
  double accuracy = 0;  // on the images below
  int64_t tested_images = 0;
  std::string tested_on;  // "test split", "images held out"
};

class Classifier : public FeatureExtractor {
 public:
  /// `network` must be on `device`; its parameters take no gradients from then on. The name is "classifier-" and the
  /// first 8 hex digits of the SHA-256 of its weights.
  Classifier(ClassifierNetwork network, ClassifierFacts facts, torch::Device device);

  std::string name() const override { return name_; }
  std::string description() const override;
  int64_t channels() const override { return facts_.shape.channels; }
  std::optional<int64_t> dimension() const override { return classifier_features; }
  std::optional<int64_t> logits() const override { return static_cast<int64_t>(facts_.class_names.size()); }
  std::vector<std::string> class_names() const override { return facts_.class_names; }
  std::string trained_on() const override { return facts_.data_key; }
  at::Tensor logit_bias() const override { return network_->head->bias.detach().cpu(); }
  void check(const ImageShape& shape, const std::string& where) const override;
  Extracted extract(const at::Tensor& pixels, bool wants_logits) override;
  at::Tensor differentiable_features(const at::Tensor& pixels) override;

  const ClassifierFacts& facts() const { return facts_; }
  /// One safetensors file. Errors: as save_checkpoint.
  void save(const std::string& path) const;

 private:
  ClassifierNetworkImpl::Output output_of(const at::Tensor& pixels);

  ClassifierNetwork network_;
  ClassifierFacts facts_;
  torch::Device device_;
  std::string name_;
};

/// Warns of a classifier that is hardly better than guessing, or was tested on too few images to tell.
void warn_if_poor(const ClassifierFacts& facts);

/// Warns as warn_if_poor. Errors: UserError for a file that is not a classifier, or damaged.
std::unique_ptr<Classifier> load_classifier(const std::string& path, torch::Device device);

/// The accuracy: the fraction of the labelled images whose class has the largest logit.
double class_accuracy(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace fqgan
