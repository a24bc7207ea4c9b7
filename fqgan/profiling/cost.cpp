#include "fqgan/profiling/cost.h"

#include <ATen/ATen.h>

#include <optional>

#include "fqgan/ops/convolution_few.h"
#include "fqgan/ops/convolution_winograd.h"

namespace fqgan {
namespace {

bool narrow(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16; }

using Arguments = c10::ArrayRef<const c10::IValue>;
using Products = std::vector<Product>;

/// A convolution as matrix products with `positions` rows. Of its backward the gradients that are asked for.
struct AsProducts {
  int64_t count, positions, in, out;
  bool bfloat16;
  Products forward() const { return {{count, positions, out, in, bfloat16}}; }
  Products backward(bool of_x, bool of_weight) const {
    Products products;
    if (of_x) products.push_back({count, positions, in, out, bfloat16});
    if (of_weight) products.push_back({count, out, in, positions, bfloat16});
    return products;
  }
};

/// LibTorch's, with `positions` that meet every tap: of the result, or of what a transposed convolution takes.
AsProducts as_products(const at::Tensor& x, const at::Tensor& weight, bool transposed, int64_t positions) {
  const auto first = weight.size(0), second = weight.numel() / first;
  return {1, positions, transposed ? first : second, transposed ? second : first, narrow(x)};
}

Products library_forward(Arguments a) {  // x, weight, bias, stride, padding, dilation, transposed, ...
  const auto &x = a[0].toTensor(), &weight = a[1].toTensor();
  const auto stride = a[3].toIntVector(), padding = a[4].toIntVector();
  const bool transposed = a[6].toBool();
  int64_t positions = x.size(0);
  for (int64_t d = 2; d < 4; ++d)
    positions *= transposed ? x.size(d) : (x.size(d) + 2 * padding[d - 2] - weight.size(d)) / stride[d - 2] + 1;
  return as_products(x, weight, transposed, positions).forward();
}

Products library_backward(
    Arguments a) {  // gradient, x, weight, bias's sizes, stride, padding, dilation, transposed, ...
  const auto &gradient = a[0].toTensor(), &x = a[1].toTensor(), &weight = a[2].toTensor();
  const bool transposed = a[7].toBool();
  const auto mask = a[10].toBoolList();
  const auto& map = transposed ? x : gradient;
  return as_products(x, weight, transposed, map.size(0) * map.size(2) * map.size(3)).backward(mask[0], mask[1]);
}

/// Of the folded form (ops/convolution_folded.h), in which resampling joins the 3x3 weights to 4x4 with stride 2.
AsProducts folded(const at::Tensor& x, const at::Tensor& weight, ops::Resample form) {
  auto product = as_products(x, weight, false, x.size(0) * x.size(2) * x.size(3));
  if (form == ops::Resample::down) product.positions /= 4;
  if (form != ops::Resample::none && weight.size(2) == 3) product.in = 16 * weight.size(1);
  return product;
}

/// Ours, where our kernels run or would run; else its children are counted, which there are none of on `meta`.
std::optional<AsProducts> our_convolution(const at::Tensor& x, const at::Tensor& weight, int64_t resample, bool border,
                                          at::Device device) {
  const auto form = static_cast<ops::Resample>(resample);
  const ops::Convolution c{.weight = weight, .resample = form, .border = border};
  const bool winograd = device.is_cpu() && ops::winograd::takes(x, c);
  if (!winograd && device.is_cpu() && ops::few::takes(x, c))
    return as_products(x, weight, false, x.size(0) * x.size(2) * x.size(3) / (form == ops::Resample::down ? 4 : 1));
  if (!winograd && x.is_meta()) return folded(x, weight, form);
  if (!winograd) return {};
  const ops::kernels::Image image{nullptr, x.size(0), x.size(2), x.size(3), x.size(1), false, border};
  return AsProducts{ops::kernels::winograd_products(form), ops::kernels::winograd_tiles(form, image), weight.size(1),
                    weight.size(0), narrow(x)};
}

Products our_forward(Arguments a, at::Device device) {  // x, weight, bias, residual, resample, ...
  const auto ours = our_convolution(a[0].toTensor(), a[1].toTensor(), a[4].toInt(), a[6].toBool(), device);
  return ours ? ours->forward() : Products{};
}

Products our_backward(Arguments a,
                      at::Device device) {  // gradient, x, weight, resample, relu, has bias, of x, of weight
  const auto ours = our_convolution(a[1].toTensor(), a[2].toTensor(), a[3].toInt(), a[8].toBool(), device);
  return ours ? ours->backward(a[6].toBool(), a[7].toBool()) : Products{};
}

Products matrix_product(const at::Tensor& a, const at::Tensor& b) {
  return {{a.dim() > 2 ? a.size(0) : 1, a.size(-2), b.size(-1), a.size(-1), narrow(a)}};
}

Products weight_norm_forward(Arguments a) {  // x, weight, ...
  const auto &x = a[0].toTensor(), &weight = a[1].toTensor();
  return {{1, x.size(0), weight.size(0), weight.size(1), narrow(x)}};
}

Products weight_norm_backward(Arguments a) {  // gradient, x, y, weight, scale, factor, packed, relu, of x, of weights
  const auto &x = a[1].toTensor(), &weight = a[3].toTensor();
  Products products;
  if (a[8].toBool()) products.push_back({1, x.size(0), weight.size(1), weight.size(0), narrow(x)});
  if (a[9].toBool()) products.push_back({1, weight.size(0), weight.size(1), x.size(0), narrow(x)});
  return products;
}

}  // namespace

Products products_of(const std::string& name, Arguments a, at::Device device) {
  if (name == "aten::convolution") return library_forward(a);
  if (name == "aten::convolution_backward") return library_backward(a);
  if (name == "fqgan::convolution") return our_forward(a, device);
  if (name == "fqgan::convolution_backward") return our_backward(a, device);
  if (name == "aten::mm" || name == "aten::bmm") return matrix_product(a[0].toTensor(), a[1].toTensor());
  if (name == "aten::addmm") return matrix_product(a[1].toTensor(), a[2].toTensor());
  if (name == "fqgan::weight_norm_linear") return weight_norm_forward(a);
  if (name == "fqgan::weight_norm_linear_backward") return weight_norm_backward(a);
  if (name == "fqgan::nearest_code") {
    const auto &x = a[0].toTensor(), &codebook = a[1].toTensor();
    return {{1, x.numel() / codebook.size(1), codebook.size(0), codebook.size(1), narrow(x)}};
  }
  return {};
}

int64_t workspace_of(const std::string& name, Arguments a, at::Device device) {
  if (!device.is_cpu()) return 0;
  const bool backward = name == "fqgan::convolution_backward";
  if (name == "fqgan::convolution" || backward) {
    const auto &x = a[backward].toTensor(), &weight = a[backward + 1].toTensor();
    const auto form = static_cast<ops::Resample>(a[backward ? 3 : 4].toInt());
    const ops::Convolution c{.weight = weight, .resample = form, .border = a[backward ? 8 : 6].toBool()};
    if (ops::winograd::takes(x, c)) return ops::winograd::workspace(x, c, backward && a[7].toBool());
    const bool folds = form != ops::Resample::none && weight.size(2) == 3 && !ops::few::takes(x, c);
    return !folds ? 0 : 16 * weight.size(0) * weight.size(1) * x.element_size();
  }
  // The gradient of the weight before it is brought to the parameter's length and type.
  if (name == "fqgan::weight_norm_linear_backward" && a[9].toBool())
    return a[3].toTensor().numel() * a[1].toTensor().element_size();
  return 0;
}

double bytes_of(c10::ArrayRef<const c10::IValue> values) {
  double bytes = 0;
  const auto add = [&](const at::Tensor& tensor) {
    if (tensor.defined()) bytes += static_cast<double>(tensor.nbytes());
  };
  for (const auto& value : values) {
    if (value.isTensor()) add(value.toTensor());
    if (value.isTensorList())
      for (const at::Tensor& tensor : value.toTensorVector()) add(tensor);
  }
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
