#include "fqgan/inference/interpolation.h"

namespace fqgan {

torch::Tensor on_great_circle(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& t) {
  constexpr double smallest_sine = 1e-7;  // below: the ends have one direction, or opposite ones
  const auto cosine = (a * b).sum(-1, true) / (a.norm(2, -1, true) * b.norm(2, -1, true));
  const auto angle = cosine.clamp(-1, 1).acos(), sine = angle.sin();
  const auto circle = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / sine;
  return at::where(sine > smallest_sine, circle, at::lerp(a, b, t));
}

SampleOptions interpolated(const LatentSampler& sampler, const SampleOptions& ends, int64_t count,
                           const Interpolation& interpolation) {
  const auto& space = sampler.space();
  const auto steps = interpolation.steps, paths = interpolation.closed ? count : count - 1;
  auto points = ends;
  points.seeds.clear();
  torch::Tensor rows;
  if (interpolation.in_w) {
    auto whole = ends;  // the points are truncated, not the ends
    whole.truncation.reset();
    whole.truncation_cutoff.reset();
    rows = sampler.styles(whole, count);
    points.labels.clear();
  } else {
    const auto latents = sampler.latents(ends, 0, count);
    rows = latents.z;
    if (latents.labels.defined()) points.labels = {latents.labels[0].item<int64_t>()};
    if (space.truncation == Truncation::resample) points.truncation.reset();  // the ends are truncated already
  }
  rows = rows.to(torch::kDouble);
  const auto a = rows.narrow(0, 0, paths).repeat_interleave(steps, 0);
  const auto b = rows.roll(-1, 0).narrow(0, 0, paths).repeat_interleave(steps, 0);
  auto t = torch::arange(steps, torch::kDouble).div(interpolation.closed ? steps : steps - 1).repeat(paths);
  t = t.to(rows.device()).unsqueeze(-1);
  const bool straight = interpolation.in_w || space.law == LatentLaw::uniform;
  (interpolation.in_w ? points.mapped : points.latents) = straight ? at::lerp(a, b, t) : on_great_circle(a, b, t);
  return points;
}

}  // namespace fqgan
