#include "fqgan/pretrained/inception.h"

#include <algorithm>

namespace fqgan {
namespace {

constexpr double inception_epsilon = 0.001;

torch::Tensor maximum_pooled(const torch::Tensor& x) { return at::max_pool2d(x, 3, 2); }
torch::Tensor concatenated(const std::vector<torch::Tensor>& parts) { return at::cat(parts, 1); }
torch::Tensor mean_of_map(const torch::Tensor& x) { return x.to(at::kFloat).mean({2, 3}); }

}  // namespace

FoldedWeights InceptionImpl::folded(StateDict& weights, const std::string& name, const Shape& s) {
  return weights.take_folded(name + ".conv", name + ".bn", {s.out, s.in, s.height, s.width}, inception_epsilon);
}

void InceptionImpl::add(StateDict& weights, const std::string& name, const Shape& s, Activation activation) {
  const auto [weight, bias] = folded(weights, name, s);
  auto module_name = name;
  std::replace(module_name.begin(), module_name.end(), '.', '_');
  const FrozenConvolutionOptions options{s.stride, s.padding_height, s.padding_width, 1, activation};
  layers_.emplace(name, register_module(module_name, FrozenConvolution(weight, bias, options)));
}

/// The 1x1 convolutions with which branches of a block begin, as one.
void InceptionImpl::add_first(StateDict& weights, const std::string& block, int64_t in,
                              const std::vector<std::string>& names, const std::vector<int64_t>& widths) {
  std::vector<torch::Tensor> weight, bias;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto part = folded(weights, block + "." + names[i], {in, widths[i], 1, 1});
    weight.push_back(part.weight);
    bias.push_back(part.bias);
  }
  const FrozenConvolutionOptions options{.activation = Activation::relu};
  layers_.emplace(block, register_module(block, FrozenConvolution(at::cat(weight), at::cat(bias), options)));
  widths_[block] = widths;
}

void InceptionImpl::add_block_5(StateDict& weights, const std::string& block, int64_t in, int64_t pooled) {
  add_first(weights, block, in, {"branch1x1", "branch5x5_1", "branch3x3dbl_1"}, {64, 48, 64});
  add(weights, block + ".branch5x5_2", {48, 64, 5, 5, 1, 2, 2});
  add(weights, block + ".branch3x3dbl_2", {64, 96, 3, 3, 1, 1, 1});
  add(weights, block + ".branch3x3dbl_3", {96, 96, 3, 3, 1, 1, 1});
  add(weights, block + ".branch_pool", {in, pooled, 1, 1}, Activation::none);
}

void InceptionImpl::add_block_6(StateDict& weights, const std::string& block, int64_t inner) {
  add_first(weights, block, 768, {"branch1x1", "branch7x7_1", "branch7x7dbl_1"}, {192, inner, inner});
  add(weights, block + ".branch7x7_2", {inner, inner, 1, 7, 1, 0, 3});
  add(weights, block + ".branch7x7_3", {inner, 192, 7, 1, 1, 3, 0});
  add(weights, block + ".branch7x7dbl_2", {inner, inner, 7, 1, 1, 3, 0});
  add(weights, block + ".branch7x7dbl_3", {inner, inner, 1, 7, 1, 0, 3});
  add(weights, block + ".branch7x7dbl_4", {inner, inner, 7, 1, 1, 3, 0});
  add(weights, block + ".branch7x7dbl_5", {inner, 192, 1, 7, 1, 0, 3});
  add(weights, block + ".branch_pool", {768, 192, 1, 1}, Activation::none);
}

void InceptionImpl::add_block_7(StateDict& weights, const std::string& block, int64_t in) {
  add_first(weights, block, in, {"branch1x1", "branch3x3_1", "branch3x3dbl_1"}, {320, 384, 448});
  add(weights, block + ".branch3x3_2a", {384, 384, 1, 3, 1, 0, 1});
  add(weights, block + ".branch3x3_2b", {384, 384, 3, 1, 1, 1, 0});
  add(weights, block + ".branch3x3dbl_2", {448, 384, 3, 3, 1, 1, 1});
  add(weights, block + ".branch3x3dbl_3a", {384, 384, 1, 3, 1, 0, 1});
  add(weights, block + ".branch3x3dbl_3b", {384, 384, 3, 1, 1, 1, 0});
  add(weights, block + ".branch_pool", {in, 192, 1, 1}, Activation::none);
}

InceptionImpl::InceptionImpl(StateDict& weights) {
  add(weights, "Conv2d_1a_3x3", {3, 32, 3, 3, 2});
  add(weights, "Conv2d_2a_3x3", {32, 32, 3, 3});
  add(weights, "Conv2d_2b_3x3", {32, 64, 3, 3, 1, 1, 1});
  add(weights, "Conv2d_3b_1x1", {64, 80, 1, 1});
  add(weights, "Conv2d_4a_3x3", {80, 192, 3, 3});
  add_block_5(weights, "Mixed_5b", 192, 32);
  add_block_5(weights, "Mixed_5c", 256, 64);
  add_block_5(weights, "Mixed_5d", 288, 64);
  add(weights, "Mixed_6a.branch3x3", {288, 384, 3, 3, 2});
  add(weights, "Mixed_6a.branch3x3dbl_1", {288, 64, 1, 1});
  add(weights, "Mixed_6a.branch3x3dbl_2", {64, 96, 3, 3, 1, 1, 1});
  add(weights, "Mixed_6a.branch3x3dbl_3", {96, 96, 3, 3, 2});
  add_block_6(weights, "Mixed_6b", 128);
  add_block_6(weights, "Mixed_6c", 160);
  add_block_6(weights, "Mixed_6d", 160);
  add_block_6(weights, "Mixed_6e", 192);
  add_first(weights, "Mixed_7a", 768, {"branch3x3_1", "branch7x7x3_1"}, {192, 192});
  add(weights, "Mixed_7a.branch3x3_2", {192, 320, 3, 3, 2});
  add(weights, "Mixed_7a.branch7x7x3_2", {192, 192, 1, 7, 1, 0, 3});
  add(weights, "Mixed_7a.branch7x7x3_3", {192, 192, 7, 1, 1, 3, 0});
  add(weights, "Mixed_7a.branch7x7x3_4", {192, 192, 3, 3, 2});
  add_block_7(weights, "Mixed_7b", 1280);
  add_block_7(weights, "Mixed_7c", 2048);
  fc_weight = register_buffer("fc_weight", weights.take("fc.weight", {inception_logits, 2048}));
  fc_bias = register_buffer("fc_bias", weights.take("fc.bias", {inception_logits}));
}

torch::Tensor InceptionImpl::run(const std::string& block, const std::vector<std::string>& names, torch::Tensor x) {
  for (const auto& name : names) x = layers_.at(block + "." + name)->forward(x);
  return x;
}

std::vector<torch::Tensor> InceptionImpl::first(const std::string& block, const torch::Tensor& x) {
  return layers_.at(block)->forward(x).split_with_sizes(widths_.at(block), 1);
}

/// The pooling branch: the average of the nearest 3 x 3 pixels, of the result of the 1x1 convolution.
torch::Tensor InceptionImpl::averaged(const std::string& block, const torch::Tensor& x) {
  const auto y = run(block, {"branch_pool"}, x);
  return at::relu(at::avg_pool2d(y, 3, 1, 1, /*ceil_mode=*/false, /*count_include_pad=*/false));
}

torch::Tensor InceptionImpl::block_5(const std::string& block, const torch::Tensor& x) {
  const auto part = first(block, x);
  return concatenated({part[0], run(block, {"branch5x5_2"}, part[1]),
                       run(block, {"branch3x3dbl_2", "branch3x3dbl_3"}, part[2]), averaged(block, x)});
}

torch::Tensor InceptionImpl::block_6a(const torch::Tensor& x) {
  return concatenated({run("Mixed_6a", {"branch3x3"}, x),
                       run("Mixed_6a", {"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"}, x), maximum_pooled(x)});
}

torch::Tensor InceptionImpl::block_6(const std::string& block, const torch::Tensor& x) {
  const auto part = first(block, x);
  return concatenated({part[0], run(block, {"branch7x7_2", "branch7x7_3"}, part[1]),
                       run(block, {"branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"}, part[2]),
                       averaged(block, x)});
}

torch::Tensor InceptionImpl::block_7a(const torch::Tensor& x) {
  const auto part = first("Mixed_7a", x);
  return concatenated({run("Mixed_7a", {"branch3x3_2"}, part[0]),
                       run("Mixed_7a", {"branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"}, part[1]),
                       maximum_pooled(x)});
}

torch::Tensor InceptionImpl::block_7(const std::string& block, const torch::Tensor& x, bool maximum) {
  const auto part = first(block, x);
  const auto three = run(block, {"branch3x3dbl_2"}, part[2]);
  const auto pooled = maximum ? at::relu(run(block, {"branch_pool"}, at::max_pool2d(x, 3, 1, 1))) : averaged(block, x);
  return concatenated({part[0], run(block, {"branch3x3_2a"}, part[1]), run(block, {"branch3x3_2b"}, part[1]),
                       run(block, {"branch3x3dbl_3a"}, three), run(block, {"branch3x3dbl_3b"}, three), pooled});
}

InceptionImpl::Output InceptionImpl::forward(const torch::Tensor& images, int64_t tap) {
  const auto layer = [&](const char* name, const torch::Tensor& x) { return layers_.at(name)->forward(x); };
  auto x = layer("Conv2d_2b_3x3", layer("Conv2d_2a_3x3", layer("Conv2d_1a_3x3", images)));
  x = maximum_pooled(x);
  if (tap == 64) return {mean_of_map(x), {}};
  x = maximum_pooled(layer("Conv2d_4a_3x3", layer("Conv2d_3b_1x1", x)));
  if (tap == 192) return {mean_of_map(x), {}};
  for (const auto* block : {"Mixed_5b", "Mixed_5c", "Mixed_5d"}) x = block_5(block, x);
  x = block_6a(x);
  for (const auto* block : {"Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"}) x = block_6(block, x);
  if (tap == 768) return {mean_of_map(x), {}};
  x = block_7(/*block=*/"Mixed_7b", block_7a(x), /*maximum=*/false);
  x = mean_of_map(block_7("Mixed_7c", x, /*maximum=*/true));
  return {x, at::matmul(x, fc_weight.t())};
}

}  // namespace fqgan
