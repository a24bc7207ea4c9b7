#include "fqgan/ops/convolution_folded.h"

#include <ATen/ATen.h>

#include "fqgan/ops/batch_norm.h"

namespace fqgan::ops::folded {
namespace {

/// Sums the four one-pixel shifts of a 3x3 kernel: ... x 3 x 3 -> ... x 4 x 4.
at::Tensor four_shifts(const at::Tensor& w) {
  const auto rows = at::constant_pad_nd(w, {0, 0, 0, 1}) + at::constant_pad_nd(w, {0, 0, 1, 0});
  return at::constant_pad_nd(rows, {0, 1, 0, 0}) + at::constant_pad_nd(rows, {1, 0, 0, 0});
}
/// Its adjoint: ... x 4 x 4 -> ... x 3 x 3.
at::Tensor four_shifts_back(const at::Tensor& w) {
  const auto rows = w.narrow(2, 0, 3) + w.narrow(2, 1, 3);
  return rows.narrow(3, 0, 3) + rows.narrow(3, 1, 3);
}

/// How LibTorch's convolution is called.
struct Call {
  at::Tensor weight;
  int64_t stride = 1, padding = 0;
  bool transposed = false;

  Call(const Convolution& c, at::ScalarType type) {
    const bool folds = c.weight.size(2) == 3 && c.resample != Resample::none;
    padding = c.border ? 0 : c.weight.size(2) / 2;
    stride = folds ? 2 : 1;
    transposed = folds && c.resample == Resample::up;
    weight = c.weight;
    if (folds && !transposed) weight = four_shifts(weight * 0.25);
    // A transposed convolution scatters, so the kernel is mirrored; its weight is Ci x Co x 4 x 4.
    if (transposed) weight = four_shifts(weight.flip({2, 3})).transpose(0, 1);
    weight = weight.to(weight.options().dtype(type), false, false, at::MemoryFormat::ChannelsLast);
  }
  at::Tensor unfold(const at::Tensor& gradient, const Convolution& c) const {
    const auto g = gradient.to(c.weight.scalar_type());
    if (stride == 1) return g.contiguous();
    if (transposed) return four_shifts_back(g.transpose(0, 1)).flip({2, 3}).contiguous();
    return (four_shifts_back(g) * 0.25).contiguous();
  }
};

at::Tensor upsample(const at::Tensor& x) { return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}); }

at::Tensor widened(const at::Tensor& x) { return at::constant_pad_nd(x, {1, 1, 1, 1}); }
at::Tensor narrowed(const at::Tensor& x) { return x.narrow(2, 1, x.size(2) - 2).narrow(3, 1, x.size(3) - 2); }

void add_residual(at::Tensor& y, const at::Tensor& residual) {
  if (residual.size(2) == y.size(2)) {
    y.add_(residual);
    return;
  }
  const auto blocks = y.unflatten(3, {y.size(3) / 2, 2}).unflatten(2, {y.size(2) / 2, 2});
  blocks.add_(residual.unsqueeze(3).unsqueeze(5));
}

}  // namespace

at::Tensor convolution(const at::Tensor& x, const Convolution& c) {
  const Call call(c, x.scalar_type());
  const bool small = c.weight.size(2) == 1;
  auto h = c.relu ? at::relu(x) : x;
  if (small && c.resample == Resample::down) h = at::avg_pool2d(h, 2);
  if (c.border && c.resample == Resample::down) h = narrowed(h);
  const auto bias = c.bias ? std::optional(c.bias->to(x.scalar_type())) : std::nullopt;
  auto y = at::convolution(h, call.weight, bias, {call.stride, call.stride}, {call.padding, call.padding}, {1, 1},
                           call.transposed, {0, 0}, 1);
  if (small && c.resample == Resample::up) y = upsample(y);
  if (c.border && c.resample == Resample::up) y = widened(y);
  if (c.residual) add_residual(y, *c.residual);
  return y;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& gradient, const at::Tensor& x,
                                                         const Convolution& c, bool wants_x, bool wants_weight) {
  const Call call(c, x.scalar_type());
  const bool small = c.weight.size(2) == 1;
  auto h = c.relu ? at::relu(x) : x;
  auto g = gradient;
  at::Tensor bias;
  if (c.bias && wants_weight) bias = channel_sums(g).to(c.bias->scalar_type());
  if (small && c.resample == Resample::down) h = at::avg_pool2d(h, 2);
  if (small && c.resample == Resample::up) g = at::avg_pool2d(g, 2).mul_(4);
  if (c.border) (c.resample == Resample::up ? g : h) = narrowed(c.resample == Resample::up ? g : h);
  auto [dx, dw, none] = at::convolution_backward(g, h, call.weight, std::nullopt, {call.stride, call.stride},
                                                 {call.padding, call.padding}, {1, 1}, call.transposed, {0, 0}, 1,
                                                 {wants_x, wants_weight, false});
  if (wants_x && small && c.resample == Resample::down) dx = upsample(dx.mul_(0.25));
  if (wants_x && c.border && c.resample == Resample::down) dx = widened(dx);
  if (wants_x && c.relu) dx = at::threshold_backward(dx, x, 0);
  if (wants_weight) dw = call.unfold(dw, c);
  return {dx, dw, bias};
}

}  // namespace fqgan::ops::folded
