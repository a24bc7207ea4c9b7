#include "fqgan/profiling/cost.h"

#include <ATen/ATen.h>

#include "fqgan/ops/convolution_winograd.h"

namespace fqgan {
namespace {

bool narrow(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16; }

/// LibTorch's: x, weight, bias, stride, padding, dilation, transposed, ...
Cost library_convolution(c10::ArrayRef<const c10::IValue> a) {
  const auto &x = a[0].toTensor(), &weight = a[1].toTensor();
  const auto stride = a[3].toIntVector(), padding = a[4].toIntVector();
  const bool transposed = a[6].toBool();
  const auto positions = [&](int64_t d) {
    return (x.size(d) + 2 * padding[d - 2] - weight.size(d)) / stride[d - 2] + 1;
  };
  const double outputs =
      transposed ? static_cast<double>(x.size(2) * x.size(3)) : static_cast<double>(positions(2) * positions(3));
  return {2. * static_cast<double>(weight.numel() * x.size(0)) * outputs, narrow(x)};
}

/// gradient, x, weight, ...: x's and the weight's gradients by the mask.
Cost library_convolution_backward(c10::ArrayRef<const c10::IValue> a) {
  const auto &gradient = a[0].toTensor(), &x = a[1].toTensor(), &weight = a[2].toTensor();
  const bool transposed = a[7].toBool();
  const auto mask = a[10].toBoolList();
  const auto& map = transposed ? x : gradient;
  const double one =
      2. * static_cast<double>(weight.numel()) * static_cast<double>(map.size(0) * map.size(2) * map.size(3));
  return {one * (static_cast<double>(mask[0]) + static_cast<double>(mask[1])), narrow(x)};
}

/// Ours, where Winograd's kernels run; else its children are counted.
Cost our_convolution(const at::Tensor& x, const at::Tensor& weight, int64_t resample, double products) {
  const auto form = static_cast<ops::Resample>(resample);
  const ops::Convolution c{weight, std::nullopt, std::nullopt, form, false};
  if (!ops::winograd::takes(x, c)) return {};
  const ops::kernels::Image image{nullptr, x.size(0), x.size(2), x.size(3), x.size(1), false};
  const auto rows = ops::kernels::winograd_tiles(form, image) * ops::kernels::winograd_products(form);
  return {2. * static_cast<double>(rows * weight.size(0)) * static_cast<double>(weight.size(1)) * products, true};
}

Cost product(const at::Tensor& a, const at::Tensor& b) {
  return {2. * static_cast<double>(a.numel()) * static_cast<double>(b.size(-1)), narrow(a)};
}

}  // namespace

Cost cost_of(const std::string& name, c10::ArrayRef<const c10::IValue> a) {
  if (name == "aten::convolution") return library_convolution(a);
  if (name == "aten::convolution_backward") return library_convolution_backward(a);
  if (name == "fqgan::convolution") return our_convolution(a[0].toTensor(), a[1].toTensor(), a[4].toInt(), 1);
  if (name == "fqgan::convolution_backward")
    return our_convolution(a[1].toTensor(), a[2].toTensor(), a[3].toInt(),
                           static_cast<double>(a[6].toBool()) + static_cast<double>(a[7].toBool()));
  if (name == "aten::mm" || name == "aten::bmm") return product(a[0].toTensor(), a[1].toTensor());
  if (name == "aten::addmm") return product(a[1].toTensor(), a[2].toTensor());
  if (name == "fqgan::nearest_code") {
    const auto &x = a[0].toTensor(), &codebook = a[1].toTensor();
    return {2. * static_cast<double>(x.numel()) * static_cast<double>(codebook.size(0)), narrow(x)};
  }
  return {};
}

double bytes_of(c10::ArrayRef<const c10::IValue> values) {
  double bytes = 0;
  for (const auto& value : values)
    if (value.isTensor() && value.toTensor().defined()) bytes += static_cast<double>(value.toTensor().nbytes());
  return bytes;
}

std::string shapes_of(c10::ArrayRef<const c10::IValue> values) {
  std::string text;
  for (const auto& value : values) {
    if (!value.isTensor() || !value.toTensor().defined()) continue;
    if (!text.empty()) text += ", ";
    std::string shape;
    for (const auto size : value.toTensor().sizes()) shape += (shape.empty() ? "" : "x") + std::to_string(size);
    text += shape.empty() ? "scalar" : shape;
  }
  return text;
}

}  // namespace fqgan
