#include "fqgan/inference/generator.h"

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/models/truncation.h"

namespace fqgan {
namespace {

void check_labels(const torch::Tensor& labels, int64_t rows, int64_t classes) {
  if (!classes && labels.defined()) fail("labels", "this generator is unconditional: it has no classes");
  if (!classes) return;
  if (!labels.defined()) fail("labels", "expected a class for each row of z, got none");
  if (labels.scalar_type() != torch::kLong) fail("labels", "expected int64 class indices");
  check_shape(labels, {rows}, "labels");
  if (rows && (labels.min().item<int64_t>() < 0 || labels.max().item<int64_t>() >= classes))
    fail("labels", "expected classes from 0 to " + std::to_string(classes - 1));
}

}  // namespace

torch::Tensor OpenGenerator::images(const torch::Tensor& z, const torch::Tensor& labels,
                                    std::optional<double> truncation) const {
  torch::NoGradGuard no_grad;
  const auto space = traceable_.space();
  check_shape(z, {any, space.width}, "latents");
  check_labels(labels, z.size(0), space.classes);
  if (truncation && !space.truncates)
    fail("truncation", "this generator's latents are uniform: there is nothing to cut off");
  auto latents = truncation ? truncated_normal(z, at::scalar_tensor(*truncation, at::kDouble)) : z;
  Streams unused(0, Counters{});
  auto pass = numerics_.pass(unused);
  const auto images = traceable_.images(latents.to(numerics_.device, numerics_.parameters()),
                                        labels.defined() ? labels.to(numerics_.device) : labels, pass);
  return images.to(torch::kCPU, torch::kFloat).contiguous();
}

std::unique_ptr<OpenGenerator> open_generator(Family& family, bool average) {
  SampleOptions options;
  options.average = average;
  auto sampler = family.sampler(options);
  auto* traceable = dynamic_cast<Traceable*>(sampler.get());
  if (!traceable) fail("model", "this family has no generator of images from latents");
  return std::make_unique<OpenGenerator>(std::move(sampler), *traceable, family.numerics);
}

}  // namespace fqgan
