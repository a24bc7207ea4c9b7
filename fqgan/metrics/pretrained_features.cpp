#include "fqgan/metrics/pretrained_features.h"

#include <torch/torch.h>

#include <algorithm>
#include <functional>

#include "fqgan/core/error.h"
#include "fqgan/metrics/weights_file.h"
#include "fqgan/nn/copy.h"
#include "fqgan/pretrained/inception.h"

namespace fqgan {
namespace {

constexpr int64_t images_at_once = 16;  // more do not make a convolution faster, and need more memory
constexpr int64_t least_side = 3;       // pixels
constexpr NetworkInput lite_input{Resampling::pillow_bicubic, 128, 127, 128};

using Network = std::function<Extracted(const at::Tensor& images)>;

class PretrainedFeatures : public FeatureExtractor {
 public:
  struct Facts {
    std::string name, description, convention;
    NetworkInput input;
    int64_t dimension, logits;
  };
  PretrainedFeatures(Facts facts, Network network, std::shared_ptr<torch::nn::Module> module, const NetworkPlace& place)
      : facts_(std::move(facts)),
        network_(std::move(network)),
        module_(std::move(module)),
        device_(place.device),
        type_(place.type) {
    if (type_ == at::kBFloat16) facts_.name += "-bfloat16";
  }

  std::string name() const override { return facts_.name; }
  std::string description() const override { return facts_.description; }
  std::string convention() const override { return facts_.convention; }
  std::optional<int64_t> dimension() const override { return facts_.dimension; }
  std::optional<int64_t> logits() const override { return facts_.logits; }
  int64_t channels() const override { return 3; }
  bool takes_any_size() const override { return true; }
  double operations() const override { return operations_per_image(*module_); }

  void check(const ImageShape& shape, const std::string& where) const override {
    FeatureExtractor::check(shape, where);
    if (std::min(shape.height, shape.width) < least_side)
      fail(where, "expected images of at least " + std::to_string(least_side) + " x " + std::to_string(least_side) +
                      " pixels for " + name() + ", got " + shape_text(shape));
  }

  Extracted extract(const at::Tensor& pixels, bool wants_logits) override {
    torch::NoGradGuard no_grad;
    std::vector<at::Tensor> features, logits;
    for (const auto& some : pixels.split(images_at_once)) {
      const auto found = network_(network_input(some, facts_.input).to(device_, type_));
      features.push_back(found.features);
      if (wants_logits && found.logits.defined()) logits.push_back(found.logits);
    }
    // Not before, so that a GPU computes while the next images are resized.
    return {at::cat(features).cpu(), logits.empty() ? at::Tensor() : at::cat(logits).cpu()};
  }

  at::Tensor distance_features(const at::Tensor& pixels) override {
    if (type_ != at::kFloat)
      fail(name(),
           "expected features in float32 for distances of nearly equal images, which bfloat16 rounds away. Hint: "
           "--feature-precision float32");
    return FeatureExtractor::distance_features(pixels);
  }

  at::Tensor differentiable_features(const at::Tensor& pixels) override {
    const auto images = differentiable_network_input(pixels.to(device_), facts_.input);
    return network_(images.to(type_)).features.cpu();
  }

 private:
  Facts facts_;
  Network network_;
  std::shared_ptr<torch::nn::Module> module_;  // of the network
  c10::Device device_;
  at::ScalarType type_;
};

StateDict read_weights(const std::string& path, const std::string& network, const std::string& file) {
  const auto hint = "python -m fqgan.pretrained " + network + file + " writes them (docs/metrics.md)";
  return {load_weights(path, "the weights of " + network + " as a safetensors file", hint).tensors, path};
}

std::string input_text(const NetworkInput& input) {
  const auto size = std::to_string(input.size) + " x " + std::to_string(input.size) + " pixels by ";
  switch (input.resampling) {
    case Resampling::tensorflow1:
      return size + "the bilinear rule of TensorFlow 1";
    case Resampling::half_pixel:
      return size + "PyTorch's bilinear rule";
    default:
      return size + "Pillow's bicubic filter";
  }
}

}  // namespace

std::unique_ptr<FeatureExtractor> open_inception(int64_t tap, const Convention& convention, const NetworkPlace& place) {
  auto weights = read_weights(place.weights, "inception", " FILE.pth");
  Inception network(weights);
  weights.finish("the Inception-v3 of FID (pt_inception-2015-12-05-6726825d)");
  move_to(*network, place.device);
  const std::string layer = tap == 2048 ? "" : "-" + std::to_string(tap);
  const auto description = "Inception-v3 of " + place.weights + ", " + std::to_string(tap) + " features of images at " +
                           input_text(convention.input);
  const auto run = [network, tap](const at::Tensor& images) mutable {
    const auto [features, logits] = network->forward(images, tap);
    return Extracted{features, logits};
  };
  return std::make_unique<PretrainedFeatures>(
      PretrainedFeatures::Facts{"inception" + layer + "@" + convention.name + "-" + weights.hash(), description,
                                convention.name, convention.input, tap, tap == 2048 ? inception_logits : 0},
      run, network.ptr(), place);
}

std::unique_ptr<FeatureExtractor> open_efficientnet_lite(const EfficientNetLiteSize& size, const NetworkPlace& place) {
  auto weights = read_weights(place.weights, size.name, "");
  EfficientNetLite network(size, weights);
  weights.finish(size.name);
  move_to(*network, place.device);
  const auto description =
      size.name + " of " + place.weights + ", 1280 features of images at " + input_text(lite_input);
  const auto run = [network](const at::Tensor& images) mutable {
    const auto [features, logits] = network->forward(images);
    return Extracted{features, logits};
  };
  return std::make_unique<PretrainedFeatures>(
      PretrainedFeatures::Facts{size.name + "@" + std::to_string(lite_input.size) + "-" + weights.hash(), description,
                                "", lite_input, efficientnet_lite_features, efficientnet_lite_logits},
      run, network.ptr(), place);
}

}  // namespace fqgan
