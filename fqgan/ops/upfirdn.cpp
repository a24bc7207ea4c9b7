#include "fqgan/ops/upfirdn.h"

#include <ATen/ATen.h>
#include <ATen/TracerMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/registration.h"
#include "fqgan/ops/upfirdn_cpu.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Operator = at::Tensor(const at::Tensor&, at::ArrayRef<double>, int64_t, int64_t, at::IntArrayRef, double, bool);

const auto& the_operator() {
  static const auto op = dispatched<Operator>("fqgan::upfirdn");
  return op;
}

at::Tensor call(const at::Tensor& x, const Upfirdn& f) {
  const auto& p = f.padding;
  return the_operator().call(x, f.taps, f.up, f.down, {p.left, p.right, p.top, p.bottom}, f.gain, f.correlation);
}

Upfirdn filter_of(at::ArrayRef<double> taps, int64_t up, int64_t down, at::IntArrayRef padding, double gain,
                  bool correlation) {
  if (taps.empty() || up < 1 || down < 1 || padding.size() != 4)
    fail("upfirdn", "expected taps, factors of at least 1 and four numbers of padding");
  return {taps.vec(), up, down, {padding[0], padding[1], padding[2], padding[3]}, gain, correlation};
}

MapSize resampled_size(const at::Tensor& x, const Upfirdn& f) {
  check_shape(x, {any, any, any, any}, "upfirdn");
  const auto along = [&](int64_t dimension, int64_t padding) {
    const auto room = x.size(dimension) * f.up + padding - std::ssize(f.taps);
    if (room < 0) fail("upfirdn", "a map of " + shape_text(x.sizes()) + " is too small for this filter");
    return room / f.down + 1;
  };
  return {along(2, f.padding.top + f.padding.bottom), along(3, f.padding.left + f.padding.right)};
}

/// The operator that the gradient takes through: factors exchanged, the filter turned.
Upfirdn adjoint(const Upfirdn& f, int64_t height, int64_t width, const MapSize& result) {
  auto back = f;
  std::swap(back.up, back.down);
  back.correlation = !f.correlation;
  const auto count = std::ssize(f.taps);
  const auto after = [&](int64_t size, int64_t result_size, int64_t before) {
    return size * f.up - result_size * f.down + before - f.up + 1;
  };
  back.padding = {count - f.padding.left - 1, after(width, result.width, f.padding.left), count - f.padding.top - 1,
                  after(height, result.height, f.padding.top)};
  return back;
}

at::Tensor upfirdn_kernel(const at::Tensor& x, at::ArrayRef<double> taps, int64_t up, int64_t down,
                          at::IntArrayRef padding, double gain, bool correlation) {
  check_type(x, "upfirdn");
  const auto filter = filter_of(taps, up, down, padding, gain, correlation);
  const auto size = resampled_size(x, filter);
  if (!x.is_cpu() || !kernels_take(x)) return reference::upfirdn(in_order(x), filter);
  auto y = at::empty({x.size(0), x.size(1), size.height, size.width}, x.options(), at::MemoryFormat::ChannelsLast);
  upfirdn_cpu(in_channels_last(x), filter, y);
  return y;
}

at::Tensor upfirdn_meta(const at::Tensor& x, at::ArrayRef<double> taps, int64_t up, int64_t down,
                        at::IntArrayRef padding, double gain, bool correlation) {
  const auto size = resampled_size(x, filter_of(taps, up, down, padding, gain, correlation));
  return at::empty({x.size(0), x.size(1), size.height, size.width}, x.options(), at::MemoryFormat::ChannelsLast);
}

struct UpfirdnFunction : torch::autograd::Function<UpfirdnFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Upfirdn& filter) {
    at::AutoDispatchBelowADInplaceOrView below;
    const auto y = call(x, filter);
    const auto back = adjoint(filter, x.size(2), x.size(3), {y.size(2), y.size(3)});
    const auto& p = back.padding;
    context->saved_data["taps"] = back.taps;
    context->saved_data["numbers"] =
        std::vector<int64_t>{back.up, back.down, p.left, p.right, p.top, p.bottom, back.correlation};
    context->saved_data["gain"] = back.gain;
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto n = context->saved_data["numbers"].toIntVector();
    const Upfirdn back{context->saved_data["taps"].toDoubleVector(), n[0],     n[1], {n[2], n[3], n[4], n[5]},
                       context->saved_data["gain"].toDouble(),       n[6] != 0};
    return {call(gradients[0], back), at::Tensor()};
  }
};

at::Tensor upfirdn_autograd(const at::Tensor& x, at::ArrayRef<double> taps, int64_t up, int64_t down,
                            at::IntArrayRef padding, double gain, bool correlation) {
  return UpfirdnFunction::apply(x, filter_of(taps, up, down, padding, gain, correlation));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  add_operator(library,
               "upfirdn(Tensor x, float[] taps, int up, int down, int[] padding, float gain, bool correlation) -> "
               "Tensor",
               upfirdn_kernel, upfirdn_meta, upfirdn_autograd);
}

at::Tensor upfirdn(const at::Tensor& x, const Upfirdn& filter) { return call(x, filter); }

namespace reference {
namespace {

/// A tensor that the export records as a constant. at::tensor fills its result without an operator, so that only an
/// empty tensor would be recorded.
at::Tensor constant(at::ArrayRef<double> values) {
  const at::tracer::impl::NoTracerDispatchMode untraced;
  return at::tensor(values, at::kDouble);
}

}  // namespace

at::Tensor upfirdn(const at::Tensor& x, const Upfirdn& f) {
  resampled_size(x, f);  // checks
  const auto channels = x.size(1), height = x.size(2), width = x.size(3);
  auto y = x.contiguous().reshape({-1, 1, height, 1, width, 1});
  y = at::constant_pad_nd(y, std::array<int64_t, 6>{0, f.up - 1, 0, 0, 0, f.up - 1});
  y = y.reshape({-1, 1, height * f.up, width * f.up});
  y = at::constant_pad_nd(y, std::array<int64_t, 4>{f.padding.left, f.padding.right, f.padding.top, f.padding.bottom});
  auto taps = constant(f.taps) * std::sqrt(f.gain);
  if (!f.correlation) taps = taps.flip(0);
  taps = taps.to(x.options());
  y = at::conv2d(y, taps.reshape({1, 1, -1, 1}), {}, at::IntArrayRef{f.down, 1});
  y = at::conv2d(y, taps.reshape({1, 1, 1, -1}), {}, at::IntArrayRef{1, f.down});
  return y.reshape({-1, channels, y.size(2), y.size(3)}).contiguous(x.suggest_memory_format());
}

}  // namespace reference

}  // namespace fqgan::ops
