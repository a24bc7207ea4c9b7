// Features with gradients in the pixels: the same features as without, and the gradients of finite differences.
#include <torch/csrc/jit/api/module.h>
#include <torch/torch.h>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/core/error.h"
#include "fqgan/metrics/classifier_training.h"
#include "fqgan/metrics/feature_table.h"
#include "fqgan/metrics/network_input.h"
#include "fqgan/metrics/pretrained_features.h"
#include "metrics/striped_data.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// Random pixels away from 0 and 255.
torch::Tensor pixels_of(at::IntArrayRef shape) {
  auto random = Streams::initial(5);
  return random.uniform(shape, "pixels") * 200 + 20;
}

/// The derivative of a weighted sum of the features in the direction of its gradient, by a central difference, is the
/// length of the gradient. In other directions the kinks of ReLU would hide a small derivative.
void expect_gradient(FeatureExtractor& extractor, const torch::Tensor& pixels, double step) {
  auto random = Streams::initial(6);
  const auto input = pixels.clone().set_requires_grad(true);
  const auto features = extractor.differentiable_features(input);
  const auto weight = random.normal(features.sizes(), "weight");
  (features * weight).sum().backward();
  torch::NoGradGuard no_grad;
  const double length = input.grad().norm().item<double>();
  const auto direction = input.grad() / length;
  const auto at = [&](double distance) {
    const auto moved = extractor.differentiable_features(pixels + distance * direction);
    return (moved.to(torch::kDouble) * weight).sum().item<double>();
  };
  EXPECT_NEAR((at(step) - at(-step)) / (2 * step), length, 0.02 * length) << extractor.name();
}

void expect_same(const torch::Tensor& found, const torch::Tensor& expected) {
  EXPECT_TRUE(torch::allclose(found, expected, 1e-4, 1e-5 * expected.abs().max().item<double>()))
      << (found - expected).abs().max();
}

void check(FeatureExtractor& extractor, const torch::Tensor& pixels, double step) {
  expect_same(extractor.differentiable_features(pixels), extractor.extract(pixels, false).features);
  expect_same(extractor.differentiable_features(pixels.clone().set_requires_grad(true)).detach(),
              extractor.extract(pixels, false).features);
  expect_gradient(extractor, pixels, step);
}

std::string saved(const TemporaryFolder& folder, const std::string& definition) {
  torch::jit::Module module("net");
  module.define(definition);
  const auto path = (folder / "net.pt").string();
  module.save(path);
  return path;
}

TEST(DifferentiableFeatures, InputsAreResizedByTheSameRules) {
  for (const auto resampling : {Resampling::tensorflow1, Resampling::half_pixel, Resampling::pillow_bicubic})
    for (const int64_t size : {9, 40}) {
      const NetworkInput rule{resampling, size, 127, 128};
      const auto pixels = torch::rand({2, 3, 24, 17}) * 255;
      EXPECT_LT((differentiable_network_input(pixels, rule) - network_input(pixels, rule)).abs().max().item<double>(),
                1e-5);
    }
}

TEST(DifferentiableFeatures, OfAClassifier) {
  ClassifierTraining training;
  training.images = 320;
  training.batch = 32;
  const auto classifier = train_classifier(StripedData(90, 3), nullptr, "stripes", torch::kCPU, training);
  check(*classifier, pixels_of({2, 1, 8, 8}), 0.1);
}

TEST(DifferentiableFeatures, OfAPretrainedNetwork) {
  TemporaryFolder folder;
  const auto& size = efficientnet_lite_sizes()[0];
  StateDict asked({}, "no weights");
  EfficientNetLite network(size, asked);
  Checkpoint weights;
  auto random = Streams::initial(7);
  for (const auto& [name, shape] : asked.requested()) {
    const auto drawn = random.normal(shape, name);
    if (shape.size() == 4)
      weights.tensors[name] = drawn * std::sqrt(2. / static_cast<double>(shape[1] * shape[2] * shape[3]));
    else
      weights.tensors[name] = name.ends_with("bias") || name.ends_with("mean") ? drawn * 0.1 : drawn.abs() * 0.2 + 0.75;
  }
  const auto path = (folder / "lite.safetensors").string();
  save_checkpoint(path, weights);
  const auto extractor = open_efficientnet_lite(size, {path, torch::kCPU, torch::kFloat});
  check(*extractor, pixels_of({2, 3, 32, 24}), 1);
}

TEST(DifferentiableFeatures, OfATorchScriptFile) {
  TemporaryFolder folder;
  const auto plain = open_feature_file(
      saved(folder, "def forward(self, x):\n    return (torch.tanh(x.float() / 255) ** 2).flatten(1)\n"), torch::kCPU);
  EXPECT_FALSE(plain->compares_places());
  check(*plain, pixels_of({2, 3, 6, 5}), 1);
  const auto lpips = open_feature_file(saved(folder,
                                             "def forward(self, x, return_lpips: bool=False):\n"
                                             "    assert return_lpips\n"
                                             "    return ((x / 255) ** 2).flatten(1)\n"),
                                       torch::kCPU);
  EXPECT_TRUE(lpips->compares_places());
  const auto pixels = pixels_of({1, 3, 512, 512});
  expect_same(lpips->differentiable_features(pixels), lpips->distance_features(pixels));
  expect_gradient(*lpips, pixels, 10);
}

TEST(DifferentiableFeatures, AreRefusedWithoutGradients) {
  TemporaryFolder folder;
  const auto path = saved(folder, "def forward(self, x):\n    return torch.round(x.detach()).flatten(1)\n");
  const auto pixels = pixels_of({1, 3, 4, 4}).set_requires_grad(true);
  expect_error<UserError>([&] { open_feature_file(path, torch::kCPU)->differentiable_features(pixels); },
                          {path, "gradients"});
  struct Plain : FeatureExtractor {
    std::string name() const override { return "plain"; }
    std::string description() const override { return ""; }
    int64_t channels() const override { return 3; }
    Extracted extract(const at::Tensor& x, bool) override { return {x.flatten(1), {}}; }
  } other;
  expect_error<UserError>([&] { other.differentiable_features(pixels); }, {"plain", "gradients"});
}

}  // namespace
}  // namespace fqgan::test
