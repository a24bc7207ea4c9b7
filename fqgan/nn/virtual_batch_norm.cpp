#include "fqgan/nn/virtual_batch_norm.h"

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

torch::ScalarType wide(const torch::Tensor& x) {
  return x.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
}

bool has_reference(const Pass& pass) { return !pass.segments.empty() && pass.segments.front().role == Role::reference; }

/// The weight of an example's own moments beside the reference batch's; 0 for reference rows. N x 1, or a scalar for a
/// pass without reference rows.
torch::Tensor fraction_of_own(int64_t examples, int64_t rows, const torch::Tensor& like, const Pass& pass) {
  const double fraction = 1. / static_cast<double>(rows + 1);
  if (!has_reference(pass)) return at::scalar_tensor(fraction, like.options());
  auto own = torch::full({examples, 1}, fraction, like.options());
  own.narrow(0, 0, pass.segments.front().rows).zero_();
  return own;
}

}  // namespace

ReferenceMoments reference_moments(const torch::Tensor& x, const Pass& pass) {
  FQGAN_CHECK(has_reference(pass), "virtual batch normalization needs the reference batch's rows first");
  const auto rows = x.narrow(0, 0, pass.segments.front().rows).to(wide(x));
  const auto mean = rows.mean({0, 2, 3});
  return {mean, (rows - mean.view({1, -1, 1, 1})).square().mean({0, 2, 3})};
}

torch::Tensor virtual_batch_norm(const torch::Tensor& x, const ReferenceMoments& reference, int64_t rows,
                                 double epsilon, const Pass& pass) {
  const auto values = x.to(wide(x));
  // Moments about the reference's mean avoid the cancellation of E x^2 - (E x)^2.
  const auto centred = values - reference.mean.view({1, -1, 1, 1});
  const auto own = fraction_of_own(x.size(0), rows, values, pass);
  const auto shift = centred.mean({2, 3}) * own;  // N x C
  const auto square = centred.square().mean({2, 3}) * own + reference.var * (1 - own);
  const auto scale = (square - shift.square() + epsilon).rsqrt();
  return ((centred - shift.unsqueeze(2).unsqueeze(3)) * scale.unsqueeze(2).unsqueeze(3)).to(x.scalar_type());
}

ReferenceLatentsImpl::ReferenceLatentsImpl(torch::Tensor z, torch::Tensor y) {
  latents = register_buffer("latents", std::move(z));
  if (y.defined()) labels = register_buffer("labels", std::move(y));
}

std::pair<torch::Tensor, torch::Tensor> ReferenceLatentsImpl::join(const torch::Tensor& z, const torch::Tensor& y,
                                                                   Pass& pass) {
  require_one_rank(pass.ranks, "virtual_batch_norm");
  if (pass.segments.empty()) pass.segments = {{Role::fake, z.size(0)}};
  pass.segments.insert(pass.segments.begin(), {Role::reference, latents.size(0)});
  return {at::cat({latents.to(z.scalar_type()), z}), y.defined() ? at::cat({labels, y}) : y};
}

torch::Tensor ReferenceLatentsImpl::part(const torch::Tensor& rows, Pass& pass) {
  pass.segments.erase(pass.segments.begin());
  return rows.narrow(0, latents.size(0), rows.size(0) - latents.size(0));
}

}  // namespace fqgan
