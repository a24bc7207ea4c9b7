// The pretrained networks on random weights: shapes, gradients in the images, and messages for other weights. Their
// values are compared with the Python implementations in tests/parity.
#include <gtest/gtest.h>

#include "fqgan/core/error.h"
#include "fqgan/pretrained/efficientnet_lite.h"
#include "fqgan/pretrained/inception.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan {
namespace {

/// Small random weights of the shapes that `build` asks for.
StateDict random_weights(const std::function<void(StateDict&)>& build) {
  StateDict nothing({}, "no file");
  build(nothing);
  std::map<std::string, torch::Tensor> tensors;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
  for (const auto& [name, shape] : nothing.requested()) {
    if (name.ends_with("running_var") || name.ends_with("bn.weight") || (shape.size() == 1 && name.ends_with("weight")))
      tensors[name] = at::rand(shape, generator) * 0.5 + 0.75;
    else
      tensors[name] =
          at::randn(shape, generator) * (shape.size() == 4 ? std::sqrt(2. / (shape[1] * shape[2] * shape[3])) : 0.1);
  }
  return {tensors, "random weights"};
}

StateDict inception_weights() {
  return random_weights([](StateDict& weights) { Inception network(weights); });
}
StateDict lite_weights(const EfficientNetLiteSize& size) {
  return random_weights([&](StateDict& weights) { EfficientNetLite network(size, weights); });
}

TEST(Pretrained, InceptionGivesTheFeaturesOfEachTap) {
  auto weights = inception_weights();
  Inception network(weights);
  weights.finish("Inception");
  torch::NoGradGuard no_grad;
  const auto x = at::rand({1, 3, 299, 299}) * 2 - 1;
  for (const auto tap : inception_taps) {
    const auto [features, logits] = network->forward(x, tap);
    EXPECT_EQ(features.sizes(), (std::vector<int64_t>{1, tap}));
    EXPECT_EQ(logits.defined(), tap == 2048);
    EXPECT_TRUE(features.isfinite().all().item<bool>());
  }
}

TEST(Pretrained, FusedAndPlainConvolutionsAgree) {
  auto weights = lite_weights(efficientnet_lite_sizes()[0]);
  EfficientNetLite network(efficientnet_lite_sizes()[0], weights);
  weights.finish("lite0");
  for (const int64_t side : {64, 65, 66, 79}) {  // even and odd maps are padded in different ways
    auto x = at::rand({2, 3, side, side}) * 2 - 1;
    const auto plain = network->forward(x.clone().requires_grad_()).features.detach();
    torch::NoGradGuard no_grad;
    const auto fused = network->forward(x).features;
    EXPECT_LT((fused - plain).abs().max().item<double>(), 1e-4 * plain.abs().max().item<double>()) << side;
  }
}

TEST(Pretrained, EfficientNetLiteIsDifferentiableInTheImage) {
  auto weights = lite_weights(efficientnet_lite_sizes()[0]);
  EfficientNetLite network(efficientnet_lite_sizes()[0], weights);
  for (const auto& [name, buffer] : network->named_buffers().pairs()) EXPECT_FALSE(buffer.requires_grad()) << name;
  for (auto buffer : network->buffers()) buffer.set_data(buffer.to(at::kDouble));
  auto x = (at::rand({1, 3, 32, 32}, at::kDouble) * 2 - 1).requires_grad_();
  const auto direction = at::randn({1, 3, 32, 32}, at::kDouble);
  const auto value = [&](const at::Tensor& images) {
    double sum = 0;
    for (const auto& map : network->maps(images)) sum += map.pow(2).mean().item<double>();
    return sum;
  };
  at::Tensor loss = at::zeros({}, at::kDouble);
  for (const auto& map : network->maps(x)) loss = loss + map.pow(2).mean();
  loss.backward();
  const double slope = (x.grad() * direction).sum().item<double>(), step = 1e-6;
  const auto at_step = [&](double s) { return value((x + s * direction).detach()); };
  const double numerical = (at_step(step) - at_step(-step)) / (2 * step);
  EXPECT_NEAR(slope, numerical, 1e-5 * std::abs(numerical));
}

TEST(Pretrained, MapsHaveTheFourSizes) {
  auto weights = lite_weights(efficientnet_lite_sizes()[2]);
  EfficientNetLite network(efficientnet_lite_sizes()[2], weights);
  weights.finish("lite2");
  torch::NoGradGuard no_grad;
  const auto maps = network->maps(at::rand({1, 3, 64, 96}));
  ASSERT_EQ(maps.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(maps[i].size(2), 64 >> (i + 2));
    EXPECT_EQ(maps[i].size(3), 96 >> (i + 2));
  }
}

TEST(Pretrained, OtherWeightsAreListed) {
  StateDict weights({{"fc.weight", at::zeros({1000, 2048})}, {"AuxLogits.fc.bias", at::zeros({3})}},
                    "other.safetensors");
  Inception network(weights);
  const auto message = test::message_of<UserError>([&] { weights.finish("the Inception-v3 of FID"); });
  EXPECT_NE(message.find("[other.safetensors] expected the weights of the Inception-v3 of FID"), std::string::npos);
  EXPECT_NE(message.find("'Conv2d_1a_3x3.conv.weight' of shape [32, 3, 3, 3] is missing"), std::string::npos)
      << message;
  EXPECT_NE(message.find("more"), std::string::npos);
}

TEST(Pretrained, CountersOfBatchNormAreOptional) {
  auto weights = inception_weights();
  std::map<std::string, torch::Tensor> tensors = {{"bn.num_batches_tracked", at::zeros({}, at::kLong)}};
  StateDict counters(tensors, "file");
  EXPECT_NO_THROW(counters.finish("nothing"));
}

}  // namespace
}  // namespace fqgan
