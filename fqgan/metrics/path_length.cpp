#include "fqgan/metrics/path_length.h"

#include <algorithm>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/metrics/check_features.h"

namespace fqgan {

void PathLengthOptions::fields(FieldVisitor& visit) {
  visit("sampling", sampling,
        about("where on the path between two latents the step is: anywhere (full), or at its start (end)")
            .one_of({"full", "end"}));
}

at::Tensor squared_distances(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).square().sum(1);
}

MeanAndStd path_length(const at::Tensor& distances, double epsilon) {
  const std::string where = "ppl";
  if (!distances.defined() || distances.dim() != 1 || distances.size(0) < 1)
    fail(where, "expected at least one distance, in a tensor of shape N, got " +
                    (distances.defined() ? shape_text(distances.sizes()) : "none"));
  check_features(distances.unsqueeze(1), where, "distances");
  const auto scaled = distances.detach().to(at::kCPU, at::kDouble).div(epsilon * epsilon).contiguous();
  std::vector<double> lengths(scaled.const_data_ptr<double>(), scaled.const_data_ptr<double>() + scaled.numel());
  auto sorted = lengths;
  std::sort(sorted.begin(), sorted.end());
  const auto last = static_cast<double>(sorted.size() - 1);
  const double lowest = sorted[static_cast<size_t>(std::floor(0.01 * last))];
  const double highest = sorted[static_cast<size_t>(std::ceil(0.99 * last))];
  std::erase_if(lengths, [&](double length) { return length < lowest || length > highest; });
  return mean_and_std(lengths);
}

}  // namespace fqgan
