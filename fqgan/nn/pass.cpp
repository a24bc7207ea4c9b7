// The segments of a batch, and the sum of the taps' losses.
#include "fqgan/nn/pass.h"

#include <torch/torch.h>

#include <algorithm>

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

int64_t RowGroup::rows() const {
  int64_t total = 0;
  for (const auto& range : ranges) total += range.rows;
  return total;
}

at::Tensor RowGroup::of(const at::Tensor& batch) const {
  const auto& last = ranges.back();
  if (const auto all = rows(); last.first + last.rows - ranges.front().first == all)
    return batch.size(0) == all ? batch : batch.narrow(0, ranges.front().first, all);
  std::vector<at::Tensor> parts;
  for (const auto& range : ranges) parts.push_back(batch.narrow(0, range.first, range.rows));
  return at::cat(parts);
}

std::vector<RowGroup> Pass::groups(int64_t count) const {
  if (segments.empty()) return {{Role::real, {{0, count}}}};
  FQGAN_CHECK(rows() == count, "the batch does not have the rows of the pass");
  std::vector<RowGroup> found;
  int64_t first = 0;
  for (const auto& segment : segments) {
    const auto role = segment.role == Role::fake ? Role::fake : Role::real;
    auto group = std::find_if(found.begin(), found.end(), [&](const auto& g) { return g.role == role; });
    if (group == found.end()) group = found.insert(found.end(), {role, {}});
    group->ranges.push_back({first, segment.rows});
    first += segment.rows;
  }
  return found;
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
