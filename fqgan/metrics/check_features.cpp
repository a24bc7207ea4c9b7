#include "fqgan/metrics/check_features.h"

#include <ATen/ops/aminmax.h>

#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"

namespace fqgan {
namespace {

/// Whether all numbers are finite: they are if the smallest and the largest are, and finding these needs no memory.
bool all_finite(const at::Tensor& x) {
  if (x.numel() == 0) return true;
  const auto [lowest, highest] = at::aminmax(x);
  return std::isfinite(lowest.item<double>()) && std::isfinite(highest.item<double>());
}

}  // namespace

void check_features(const at::Tensor& x, const std::string& where, const std::string& what) {
  if (!x.defined()) fail(where, "expected " + what + ", got none");
  if (x.dim() != 2 || x.size(1) < 1)
    fail(where, "expected " + what + " of shape N x D with D >= 1, got " + shape_text(x.sizes()));
  if (!x.is_floating_point()) fail(where, "expected " + what + " of a floating type, got " + type_text(x));
  if (all_finite(x)) return;
  int64_t row = 0;
  while (all_finite(x.select(0, row))) ++row;
  fail(where, "expected finite " + what + ", got NaN or infinity in row " + std::to_string(row) +
                  ". Hint: the generator may have diverged; look at the image of that number");
}

double finite_value(double value, const std::string& where) {
  if (!std::isfinite(value))
    fail(where, std::string("expected a finite value, got ") + (std::isnan(value) ? "NaN" : "infinity") +
                    ". Hint: the features are too large to compute with; look at the images, or scale the features");
  return value;
}

void check_same_dimension(int64_t a, int64_t b, const std::string& where) {
  if (a != b)
    fail(where, "expected features with the same D on both sides, got " + std::to_string(a) + " and " +
                    std::to_string(b) + ". Hint: use the same feature extractor on both sides");
}

void check_images(int64_t images, int64_t minimum, const std::string& where, const std::string& what,
                  const std::string& hint) {
  if (images < minimum)
    fail(where, "expected at least " + std::to_string(minimum) + " " + what + ", got " + std::to_string(images) +
                    ". Hint: " + hint);
}

}  // namespace fqgan
