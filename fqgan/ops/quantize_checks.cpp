#include "fqgan/ops/quantize_checks.h"

#include <ATen/ATen.h>

#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"

namespace fqgan::ops {
namespace {

void check_type(const at::Tensor& x, const std::string& where) {
  const auto type = x.scalar_type();
  if (type != at::kFloat && type != at::kBFloat16 && type != at::kDouble)
    fail(where, "expected float32, bfloat16 or float64, got " + type_text(x) + ". Hint: convert it with .to()");
}

}  // namespace

void check_features(const at::Tensor& x, const std::string& where) {
  check_type(x, where);
  if (x.dim() != 4 && x.dim() != 2) fail(where, "expected N x D x H x W or M x D, got shape " + shape_text(x.sizes()));
  if (x.numel() == 0) fail(where, "expected at least one row, got shape " + shape_text(x.sizes()));
  if (!x.is_contiguous() && !(x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast)))
    fail(where, "expected contiguous or channels_last memory, got shape " + shape_text(x.sizes()) + " with strides " +
                    shape_text(x.strides()) + ". Hint: call .contiguous()");
}

void check_codebook(const at::Tensor& codebook, const at::Tensor& features, const std::string& where) {
  check_type(codebook, where);
  if (codebook.dim() != 2 || codebook.size(0) == 0)
    fail(where, "expected a codebook K x D with at least one code, got shape " + shape_text(codebook.sizes()));
  if (codebook.size(1) != features.size(1))
    fail(where, "expected features with D = " + std::to_string(codebook.size(1)) +
                    " channels as in the codebook, got " + std::to_string(features.size(1)));
}

void check_codes(const at::Tensor& codes, const at::Tensor& features, int64_t count, const std::string& where) {
  if (codes.scalar_type() != at::kLong) fail(where, "expected codes of type int64, got " + type_text(codes));
  const auto x = features.sizes();
  const auto expected = x.size() == 4 ? std::vector<int64_t>{x[0], x[2], x[3]} : std::vector<int64_t>{x[0]};
  check_shape(codes, expected, where + " codes");
  if (!codes.is_cpu()) return;  // a GPU's own operators check the range; asking here would make it wait
  const auto [lowest, highest] = codes.aminmax();
  if (lowest.item<int64_t>() < 0 || highest.item<int64_t>() >= count)
    fail(where, "expected codes in 0 to " + std::to_string(count - 1) + ", got " +
                    std::to_string(lowest.item<int64_t>()) + " to " + std::to_string(highest.item<int64_t>()));
}

}  // namespace fqgan::ops
