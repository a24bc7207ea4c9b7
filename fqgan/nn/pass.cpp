// Which rows belong to whom, and the sum of what the taps add to an objective.
#include "fqgan/nn/pass.h"

#include <torch/torch.h>

#include "fqgan/core/error.h"

namespace fqgan {

const char* role_name(Role role) {
  switch (role) {
    case Role::real:
      return "real";
    case Role::fake:
      return "fake";
    case Role::labelled:
      return "labelled";
    case Role::unlabelled:
      return "unlabelled";
    case Role::reference:
      return "reference";
  }
  FQGAN_CHECK(false, "unknown role");
}

int64_t Pass::rows() const {
  int64_t total = 0;
  for (const auto& segment : segments) total += segment.rows;
  return total;
}

at::Tensor Pass::rows_of(const at::Tensor& batch, Role role) const {
  FQGAN_CHECK(batch.size(0) == rows(), "the batch does not have the rows of the pass");
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (const auto& segment : segments) {
    if (segment.role == role) parts.push_back(batch.narrow(0, first, segment.rows));
    first += segment.rows;
  }
  FQGAN_CHECK(!parts.empty(), std::string("no rows with role ") + role_name(role));
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

at::Tensor Pass::tap_loss() const {
  at::Tensor total;
  for (const auto& report : reports) {
    if (!report.loss.defined()) continue;
    const auto mean = report.loss.mean();
    total = total.defined() ? total + mean : mean;
  }
  return total.defined() ? total : at::zeros({});
}

}  // namespace fqgan
