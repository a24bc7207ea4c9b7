#include "fqgan/inference/latent_sampler.h"

#include <algorithm>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/inference/seed_latents.h"
#include "fqgan/inference/truncation.h"

namespace fqgan {
namespace {

constexpr int64_t images_at_once = 32;  // of a pass on a CPU: with more, activations leave the caches

void check_labels(const torch::Tensor& labels, int64_t rows, int64_t classes) {
  if (!classes && labels.defined()) fail("labels", "this generator is unconditional and has no classes");
  if (!classes) return;
  if (!labels.defined()) fail("labels", "expected a class for each row of z, got none");
  if (labels.scalar_type() != torch::kLong) fail("labels", "expected class indices of type int64, got another type");
  check_shape(labels, {rows}, "labels");
  if (rows && (labels.min().item<int64_t>() < 0 || labels.max().item<int64_t>() >= classes))
    fail("labels", "expected class indices from 0 to " + std::to_string(classes - 1) + ", got others");
}

/// Draws latents beyond the limit again (Brock et al. 2019, section 3.1), from the truncated normal distribution by its
/// inverse.
torch::Tensor drawn_within(Streams random, int64_t width, double limit) {
  const double root = std::sqrt(2.), inside = std::erf(limit / root);
  const auto position = random.uniform({width}, "latents").to(torch::kDouble) * 2 - 1;
  return (at::erfinv(position * inside) * root).clamp(-limit, limit).to(torch::kFloat);
}

torch::Tensor rows_of(const torch::Tensor& given, int64_t first, int64_t count) {
  if (first + count > given.size(0))
    fail("latents",
         "expected at least " + std::to_string(first + count) + " rows, got " + std::to_string(given.size(0)));
  return given.narrow(0, first, count);
}

void check_mapped(const torch::Tensor& w, const LatentSpace& space) {
  if (!space.mapped) fail("latents", "expected z for a generator without a mapping network, got w");
  const bool shared = w.dim() == 2, own = w.dim() == 3 && space.layers && w.size(1) == space.layers;
  if ((shared || own) && w.size(-1) == space.mapped) return;
  const auto width = std::to_string(space.mapped) + "]";
  fail("latents", "expected w of shape [N, " + width +
                      (space.layers ? " or [N, " + std::to_string(space.layers) + ", " + width : "") + ", got " +
                      shape_text(w.sizes()));
}

void check_truncation(const LatentSpace& space, const SampleOptions& options) {
  if (options.truncation && !std::isfinite(*options.truncation))
    fail("truncation", "expected a number in [0, 10], got one that is not finite");
  if (options.truncation && space.truncation == Truncation::none)
    fail("truncation", space.law == LatentLaw::uniform ? "this generator has uniform latents, which have no truncation"
                                                       : "this generator has no truncation");
  if (!options.truncation_cutoff) return;
  if (!space.layers)
    fail("truncation-cutoff", "expected a generator that takes one w for each layer, such as StyleGAN2's, got another");
  if (!options.truncation) fail("truncation-cutoff", "expected it together with a truncation, got no truncation");
  if (*options.truncation_cutoff < 1 || *options.truncation_cutoff > space.layers)
    fail("truncation-cutoff", "expected a number of layers from 1 to " + std::to_string(space.layers) + ", got " +
                                  std::to_string(*options.truncation_cutoff));
}

/// The z that the options decide; undefined if they decide none.
torch::Tensor given_rows(const SampleOptions& options, const LatentSpace& space, int64_t first, int64_t count) {
  if (options.latents.defined()) return rows_of(options.latents, first, count);
  if (options.seeds.empty()) return {};
  FQGAN_CHECK(first + count <= std::ssize(options.seeds), "more images than seeds");
  return latents_of_seeds({options.seeds.begin() + first, options.seeds.begin() + first + count}, space);
}

/// The random streams of image i: of its class and noise, and without seeds also of its latent.
Streams streams_of(const SampleOptions& options, int64_t i) {
  return options.seeds.empty() ? Streams::image(options.seed, i)
                               : Streams::image(static_cast<uint64_t>(options.seeds.at(static_cast<size_t>(i))), 0);
}

}  // namespace

void check_drawing(const LatentSpace& space, const SampleOptions& options) {
  for (const auto label : options.labels) {
    if (!space.classes) fail("class", "this generator is unconditional and has no classes");
    if (label < 0 || label >= space.classes)
      fail("class",
           "expected a class from 0 to " + std::to_string(space.classes - 1) + ", got " + std::to_string(label));
  }
  if (!options.direction.empty())
    fail("direction", "this generator draws from latents and has no directions, got '" + options.direction + "'");
  check_truncation(space, options);
  if (options.latents.defined()) check_shape(options.latents, {any, space.width}, "latents");
  if (options.mapped.defined()) check_mapped(options.mapped, space);
  if (options.source) fail("source", "this generator draws from latents and cannot translate source images");
}

torch::Tensor LatentSampler::drawn(const SampleOptions& options, int64_t first, int64_t count) const {
  const auto& space = generator_.space;
  const bool resample = options.truncation && space.truncation == Truncation::resample;
  if (const auto given = given_rows(options, space, first, count); given.defined())
    return resample ? truncated_normal(given, at::scalar_tensor(*options.truncation, at::kDouble)) : given;
  std::vector<torch::Tensor> rows;
  for (int64_t i = first; i < first + count; ++i) {
    auto random = streams_of(options, i);
    if (space.law == LatentLaw::uniform)
      rows.push_back(random.uniform({space.width}, "latents"));
    else
      rows.push_back(resample ? drawn_within(random, space.width, *options.truncation)
                              : random.normal({space.width}, "latents"));
  }
  return at::stack(rows);
}

torch::Tensor LatentSampler::labels(const SampleOptions& options, int64_t first, int64_t count) const {
  const auto classes = generator_.space.classes;
  if (!classes) return {};
  std::vector<int64_t> labels;
  for (int64_t i = first; i < first + count; ++i)
    labels.push_back(options.labels.empty() ? streams_of(options, i).integers(classes, {1}, "labels").item<int64_t>()
                                            : options.labels[i % std::ssize(options.labels)]);
  return torch::tensor(labels).to(numerics_.device);
}

Latents LatentSampler::latents(const SampleOptions& options, int64_t first, int64_t count) const {
  const auto placed = [&](const torch::Tensor& x) { return x.to(numerics_.device, numerics_.parameters()); };
  Latents latents;
  if (options.mapped.defined())
    latents.w = placed(rows_of(options.mapped, first, count));
  else
    latents.z = placed(drawn(options, first, count));
  latents.labels = labels(options, first, count);
  if (generator_.space.truncation == Truncation::towards_mean && options.truncation)
    latents.truncation = placed(at::scalar_tensor(*options.truncation, at::kDouble));
  latents.truncation_cutoff = options.truncation_cutoff;
  latents.noise = options.noise;
  if (generator_.space.noise)
    for (int64_t i = first; i < first + count; ++i) latents.rows.push_back(streams_of(options, i));
  return latents;
}

torch::Tensor LatentSampler::styles(const SampleOptions& options, int64_t count) const {
  torch::NoGradGuard no_grad;
  auto random = Streams::unused();
  auto pass = numerics_.pass(random);
  return generator_.map(latents(options, 0, count), pass);
}

SampledImages LatentSampler::images(const SampleOptions& options, int64_t first, int64_t count) const {
  const auto at_once = numerics_.device.is_cpu() ? images_at_once : count;
  if (count <= at_once) return pass_of(options, first, count);
  std::vector<torch::Tensor> pixels, labels;
  for (int64_t done = 0; done < count; done += at_once) {
    const auto some = pass_of(options, first + done, std::min(at_once, count - done));
    pixels.push_back(some.pixels);
    if (some.labels.defined()) labels.push_back(some.labels);
  }
  return {at::cat(pixels), labels.empty() ? torch::Tensor() : at::cat(labels)};
}

SampledImages LatentSampler::pass_of(const SampleOptions& options, int64_t first, int64_t count) const {
  torch::NoGradGuard no_grad;
  const auto from = latents(options, first, count);
  auto random = Streams::unused();
  auto pass = numerics_.pass(random);
  const auto pixels = generator_.images(from, pass).to(torch::kCPU, torch::kFloat).contiguous();
  if (!std::isfinite(pixels.sum().item<double>()))  // the values are in [-1, 1]
    throw NumericalError("generated images", "the values are not finite, so the weights are broken or too large");
  const bool has_classes = from.labels.defined() && !options.mapped.defined();  // w contains the class already
  return {pixels, has_classes ? from.labels.cpu() : torch::Tensor()};
}

torch::Tensor LatentSampler::images(const torch::Tensor& z, const torch::Tensor& labels,
                                    std::optional<double> truncation, NoiseMode noise) const {
  check_shape(z, {any, space().width}, "latents");
  check_labels(labels, z.size(0), space().classes);
  SampleOptions options;
  options.latents = z;
  options.truncation = truncation;
  options.noise = noise;
  if (labels.defined()) {
    const auto known = labels.contiguous().cpu();
    options.labels.assign(known.const_data_ptr<int64_t>(), known.const_data_ptr<int64_t>() + known.numel());
  }
  check_drawing(space(), options);
  return images(options, 0, z.size(0)).pixels;
}

}  // namespace fqgan
