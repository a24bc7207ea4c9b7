#include "fqgan/ops/quantize_checks.h"

#include <ATen/ATen.h>

#include <cmath>
#include <sstream>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/ops/inputs.h"

namespace fqgan::ops {
namespace {

/// As shape_text; extents may be symbols.
std::string extents_text(c10::SymIntArrayRef shape) {
  std::ostringstream text;
  for (size_t i = 0; i < shape.size(); ++i) text << (i ? ", " : "") << shape[i];
  return "[" + text.str() + "]";
}

template <class Number>
std::string number_text(const Number& x) {
  std::ostringstream text;
  text << x;
  return text.str();
}

bool equal(const c10::SymInt& a, const c10::SymInt& b) { return a.sym_eq(b).expect_true(__FILE__, __LINE__); }
bool empty(const c10::SymInt& extent) { return !extent.sym_ge(1).expect_true(__FILE__, __LINE__); }

}  // namespace

void check_extents(const at::Tensor& x, const std::vector<c10::SymInt>& expected, const std::string& where) {
  const auto shape = x.sym_sizes();
  bool matches = shape.size() == expected.size();
  for (size_t i = 0; matches && i < expected.size(); ++i) matches = equal(shape[i], expected[i]);
  if (!matches) fail(where, "expected shape " + extents_text(expected) + ", got " + extents_text(shape));
}

void check_features_form(const at::Tensor& x, const std::string& where) {
  check_type(x, where);
  if (x.dim() != 4 && x.dim() != 2)
    fail(where, "expected N x D x H x W or M x D, got shape " + extents_text(x.sym_sizes()));
}

void check_features(const at::Tensor& x, const std::string& where) {
  check_features_form(x, where);
  if (x.numel() == 0) fail(where, "expected at least one row, got shape " + shape_text(x.sizes()));
}

void check_codebook(const at::Tensor& codebook, const at::Tensor& features, const std::string& where) {
  check_type(codebook, where);
  if (codebook.dim() != 2 || empty(codebook.sym_size(0)))
    fail(where, "expected a codebook K x D with at least one code, got shape " + extents_text(codebook.sym_sizes()));
  const auto channels = codebook.sym_size(1), own = features.sym_size(1);
  if (!equal(channels, own))
    fail(where, "expected features with D = " + number_text(channels) + " channels as in the codebook, got " +
                    number_text(own));
  if ((codebook.scalar_type() == at::kDouble) != (features.scalar_type() == at::kDouble))
    fail(where, "expected features and codebook both of type float64, or neither, got " + type_text(features) +
                    " and " + type_text(codebook) + ". Hint: convert one of them with .to()");
}

void check_codes_form(const at::Tensor& codes, const at::Tensor& features, const std::string& where) {
  if (codes.scalar_type() != at::kLong) fail(where, "expected codes of type int64, got " + type_text(codes));
  const auto x = features.sym_sizes();
  const auto expected = x.size() == 4 ? std::vector<c10::SymInt>{x[0], x[2], x[3]} : std::vector<c10::SymInt>{x[0]};
  check_extents(codes, expected, where + " codes");
}

void check_codes(const at::Tensor& codes, const at::Tensor& features, int64_t count, const std::string& where) {
  check_codes_form(codes, features, where);
  if (!codes.is_cpu()) return;  // a GPU's own operators check the range; asking here would make it wait
  const auto [lowest, highest] = codes.aminmax();
  if (lowest.item<int64_t>() < 0 || highest.item<int64_t>() >= count)
    fail(where, "expected codes in 0 to " + std::to_string(count - 1) + ", got " +
                    std::to_string(lowest.item<int64_t>()) + " to " + std::to_string(highest.item<int64_t>()));
}

void check_count(int64_t count) {
  if (count < 1) fail("code_statistics", "expected a count of at least 1 code, got " + std::to_string(count));
}

void check_fraction(double fraction) {
  if (!(fraction >= 0 && fraction <= 1))  // NaN neither
    fail("straight_through", "expected a fraction from 0 to 1, got " + number_text(fraction));
}

void check_momentum(const at::Tensor& codebook_sum, const at::Tensor& cluster_size, const at::Tensor& counts,
                    const at::Tensor& sums, double decay, double epsilon) {
  const std::string where = "momentum_update";
  if (!(decay >= 0 && decay <= 1)) fail(where, "expected a decay from 0 to 1, got " + number_text(decay));
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    fail(where, "expected an epsilon of 0 or more, got " + number_text(epsilon));
  if (codebook_sum.dim() != 2 || empty(codebook_sum.sym_size(0)))
    fail(where,
         "expected a codebook_sum K x D with at least one code, got shape " + extents_text(codebook_sum.sym_sizes()));
  const auto codes = codebook_sum.sym_size(0);
  check_extents(cluster_size, {codes}, where + " cluster_size");
  check_extents(counts, {codes}, where + " counts");
  check_extents(sums, {codes, codebook_sum.sym_size(1)}, where + " sums");
}

}  // namespace fqgan::ops
