// Minibatch discrimination through plain operators: the reference implementation, which also runs on a GPU and in
// float64. It takes some examples at a time, each with all others.
#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "fqgan/core/shape.h"
#include "fqgan/ops/minibatch_discrimination.h"

namespace fqgan::ops::reference {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

/// n examples with all others.
struct Pairs {
  at::Tensor difference;  // n x N x B x C
  at::Tensor similarity;  // n x N x B: exp(-|m_i - m_j|_1), zero with itself
  int64_t first, count;

  Pairs(const at::Tensor& m, int64_t first, int64_t count)
      : difference(m.narrow(0, first, count).unsqueeze(1) - m.unsqueeze(0)), first(first), count(count) {
    const auto others = 1 - at::eye(m.size(0), m.options()).narrow(0, first, count);
    similarity = at::exp(-difference.abs().sum(3)) * others.unsqueeze(2);
  }
};

/// The results of `part`, one row per example. At least one part, so that an empty batch has a shape.
at::Tensor by_parts(const at::Tensor& m, const std::function<at::Tensor(const Pairs&)>& part) {
  constexpr int64_t most_elements = 1 << 20;  // of the differences that exist at a time, or those of one example
  const auto examples = m.size(0), step = std::max<int64_t>(1, most_elements / std::max<int64_t>(1, m.numel()));
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  do {
    parts.push_back(part(Pairs(m, first, std::min(step, examples - first))));
    first += step;
  } while (first < examples);
  return at::cat(parts);
}

}  // namespace

at::Tensor minibatch_discrimination(const at::Tensor& m) {
  check_shape(m, {any, any, any}, "minibatch_discrimination");
  return by_parts(wide(m), [](const Pairs& pairs) { return pairs.similarity.sum(1); }).to(m.scalar_type());
}

at::Tensor minibatch_discrimination_backward(const at::Tensor& gradient, const at::Tensor& m) {
  const auto g = wide(gradient);
  const auto dm = by_parts(wide(m), [&](const Pairs& pairs) {
    const auto own = g.narrow(0, pairs.first, pairs.count).unsqueeze(1);
    const auto weight = (own + g) * pairs.similarity;  // each pair stands in two sums
    return (at::sign(pairs.difference) * weight.unsqueeze(3)).sum(1).neg();
  });
  return dm.to(m.scalar_type());
}

}  // namespace fqgan::ops::reference
