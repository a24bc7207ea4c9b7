#include "fqgan/core/shape.h"

#include "fqgan/core/error.h"

namespace fqgan {

std::string type_text(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    case at::kLong:
      return "int64";
    case at::kInt:
      return "int32";
    case at::kByte:
      return "uint8";
    default:
      return c10::toString(x.scalar_type());
  }
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) text += ", ";
    text += shape[i] == any ? "any" : std::to_string(shape[i]);
  }
  return text + "]";
}

void check_shape(const at::Tensor& x, const std::vector<int64_t>& expected, const std::string& where) {
  if (!x.defined()) fail(where, "expected shape " + shape_text(expected) + ", got no tensor");
  bool matches = x.dim() == static_cast<int64_t>(expected.size());
  for (size_t i = 0; matches && i < expected.size(); ++i) matches = expected[i] == any || expected[i] == x.size(i);
  if (!matches) fail(where, "expected shape " + shape_text(expected) + ", got " + shape_text(x.sizes()));
}

}  // namespace fqgan
