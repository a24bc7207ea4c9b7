#include "fqgan/experiment/projection.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/numpy_random.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

constexpr int64_t latents_of_start = 10'000, most_shown = 6;
constexpr uint32_t seed_of_start = 123;
constexpr double largest_rate = 0.1, largest_noise = 0.05;                  // of Adam; of w, in its standard deviations
constexpr double rate_rises = 0.05, rate_falls = 0.25, noise_falls = 0.75;  // parts of the steps
constexpr double noise_penalty = 1e5;
constexpr int64_t smallest_noise = 8;  // pixels of height, to which the penalty averages a noise

/// The distribution of w.
struct Start {
  torch::Tensor mean;  // 1 x W
  double spread;       // root of the mean squared distance from the mean
};

Start start_of(const Generator& generator, const Numerics& numerics, const ProjectionOptions& options) {
  torch::NoGradGuard no_grad;
  const auto& space = generator.space;
  NumpyRandom numbers(seed_of_start);
  const auto z = torch::empty({latents_of_start, space.width}, torch::kDouble);
  std::generate_n(z.mutable_data_ptr<double>(), z.numel(), [&] { return numbers.normal(); });
  Latents latents;
  latents.z = z.to(numerics.device, numerics.parameters());
  if (space.classes) {
    const auto turn = torch::arange(latents_of_start, torch::kLong).remainder(space.classes);
    latents.labels = (options.label ? torch::full_like(turn, *options.label) : turn).to(numerics.device);
  }
  auto random = Streams::unused();
  auto pass = numerics.pass(random);
  const auto w = generator.map(latents, pass);
  const auto mean = w.mean(0, true);
  return {mean, std::sqrt((w - mean).square().sum().item<double>() / latents_of_start)};
}

/// `t`: the part of the steps that is done.
double rate_at(double t) {
  const double down = 0.5 - 0.5 * std::cos(std::numbers::pi * std::min(1., (1 - t) / rate_falls));
  return largest_rate * down * std::min(1., t / rate_rises);
}

double noise_at(double t) {
  const double left = std::max(0., 1 - t / noise_falls);
  return largest_noise * left * left;
}

/// How much neighbouring pixels of a noise resemble each other, at each scale: squared mean products.
torch::Tensor correlation(const torch::Tensor& noise) {
  auto x = noise.unsqueeze(0).unsqueeze(0);
  torch::Tensor sum = torch::zeros({}, noise.options());
  while (true) {
    for (const int64_t direction : {3, 2}) sum = sum + (x * x.roll(1, direction)).mean().square();
    if (x.size(2) <= smallest_noise) return sum;
    x = at::avg_pool2d(x, 2);
  }
}

/// The distance of images from the target.
class Distance {
 public:
  Distance(const torch::Tensor& target, FeatureExtractor& extractor, double pixel_weight)
      : target_(target), extractor_(extractor), pixel_weight_(pixel_weight) {
    extractor.check({target.size(1), target.size(2), target.size(3)}, "features");
    features_ = features_of(target);
    const double length = features_.square().sum().item<double>();
    if (!extractor.compares_places() && length > 0) scale_ = 1 / length;
  }

  struct Terms {
    torch::Tensor total, features, pixels;  // scalars
    ImageDistance values() const { return {total.item<double>(), features.item<double>(), pixels.item<double>()}; }
  };
  /// image: 1 x C x H x W, where the colours are in [-1, 1].
  Terms of(const torch::Tensor& image) const {
    const auto features = (features_of(image) - features_).square().sum() * scale_;
    const auto pixels = (image - target_).square().mean().cpu();
    return {features + pixel_weight_ * pixels, features, pixels};
  }

 private:
  torch::Tensor features_of(const torch::Tensor& image) const {
    const auto pixels = ((image + 1) * 127.5).to(torch::kFloat);
    return extractor_.differentiable_features(in_channels_of(extractor_, pixels));
  }

  torch::Tensor target_, features_;
  FeatureExtractor& extractor_;
  double pixel_weight_, scale_ = 1;
};

/// The search: w and the noise, which are optimized.
class Search {
 public:
  Search(const Generator& generator, const Numerics& numerics, const ProjectionOptions& options)
      : synthesis_(*generator.synthesis), numerics_(numerics), options_(options) {
    const auto start = start_of(generator, numerics, options);
    spread_ = start.spread;
    w_ = start.mean.clone().set_requires_grad(true);
    std::vector<torch::Tensor> optimized{w_};
    Streams random(options.seed, {.phase = initial_phase});
    for (const auto& [layer, constant] : synthesis_.noise) {
      const auto drawn = random.normal(constant.sizes(), "projection noise " + layer);
      noise_[layer] = drawn.to(constant.options()).set_requires_grad(true);
      optimized.push_back(noise_[layer]);
    }
    adam_ = std::make_unique<torch::optim::Adam>(optimized, torch::optim::AdamOptions(largest_rate));
  }

  /// The image before the step, 1 x C x H x W, not limited.
  torch::Tensor step(int64_t number, const Distance& distance, ImageDistance& found) {
    const double t = static_cast<double>(number) / static_cast<double>(options_.steps);
    static_cast<torch::optim::AdamOptions&>(adam_->param_groups().front().options()).lr(rate_at(t));
    Streams random(options_.seed, {.iteration = number, .phase = initial_phase});
    const auto shift = random.normal(w_.sizes(), "projection w").to(w_.options()) * (spread_ * noise_at(t));
    const auto image = image_of(w_ + shift);
    const auto terms = distance.of(image);
    auto penalty = torch::zeros({}, w_.options());
    for (const auto& [layer, noise] : noise_) penalty = penalty + correlation(noise);
    adam_->zero_grad();
    (terms.total.to(w_.device()) + noise_penalty * penalty).backward();
    adam_->step();
    normalize();
    found = terms.values();
    return image.detach();
  }

  torch::Tensor image() { return image_of(w_); }
  torch::Tensor w() const { return w_.detach().to(torch::kCPU, torch::kFloat); }
  std::map<std::string, torch::Tensor> noise() const {
    std::map<std::string, torch::Tensor> found;
    for (const auto& [layer, noise] : noise_) found[layer] = noise.detach().to(torch::kCPU, torch::kFloat);
    return found;
  }

 private:
  torch::Tensor image_of(const torch::Tensor& w) {
    auto random = Streams::unused();
    auto pass = numerics_.pass(random);
    return synthesis_.images(w, noise_, pass);
  }

  /// The noise keeps the mean 0 and the variance 1.
  void normalize() {
    torch::NoGradGuard no_grad;
    for (auto& [layer, noise] : noise_) {
      noise.sub_(noise.mean());
      noise.mul_(noise.square().mean().rsqrt());
    }
  }

  DifferentiableSynthesis synthesis_;
  Numerics numerics_;
  ProjectionOptions options_;
  torch::Tensor w_;
  double spread_ = 0;
  std::map<std::string, torch::Tensor> noise_;
  std::unique_ptr<torch::optim::Adam> adam_;
};

[[noreturn]] void refuse_model() {
  fail("project", "expected a model with a synthesis from w, such as StyleGAN2's generator, got one without");
}

/// A generator that takes no gradients in its weights, and float32 where the family computes in bfloat16.
Generator opened(const Family& family, Weights weights, Numerics& numerics) {
  check_projection(family);
  auto generator = family.generator->open(weights);
  if (!generator.synthesis) refuse_model();
  for (auto& parameter : generator.network->parameters()) parameter.set_requires_grad(false);
  numerics = family.numerics;
  numerics.compute = numerics.parameters();
  return generator;
}

torch::Tensor shown(const torch::Tensor& image) {
  return image.clamp(-1, 1).to(torch::kCPU, torch::kFloat).contiguous();
}

}  // namespace

void check_projection(const Family& family) {
  if (!family.generator || !family.generator->space.mapped) refuse_model();
}

double usual_pixel_weight(const FeatureExtractor& extractor) { return extractor.compares_places() ? 0 : 10; }

Projection project(const Family& family, const torch::Tensor& target, FeatureExtractor& extractor,
                   const ProjectionOptions& options) {
  Numerics numerics;
  const auto generator = opened(family, options.weights, numerics);
  const auto wanted = (target.to(numerics.device, numerics.parameters()) / 127.5 - 1).unsqueeze(0);
  const Distance distance(wanted, extractor, options.pixel_weight.value_or(usual_pixel_weight(extractor)));
  Search search(generator, numerics, options);
  Projection found;
  for (int64_t step = 0; step < options.steps; ++step) {
    const auto image = search.step(step, distance, found.steps.emplace_back());
    const auto& now = found.steps.back();
    if (!std::isfinite(now.total)) throw NumericalError("project", "the distance of the images is not finite");
    if (step * most_shown / options.steps >= std::ssize(found.progress)) found.progress.push_back({step, shown(image)});
    log_status("step " + std::to_string(step + 1) + "/" + std::to_string(options.steps) + ", distance " +
               significant(now.total, 4));
  }
  log_status("");
  torch::NoGradGuard no_grad;
  const auto image = search.image().clamp(-1, 1);
  found.w = search.w();
  found.noise = search.noise();
  found.image = shown(image);
  found.distance = distance.of(image).values();
  return found;
}

}  // namespace fqgan
