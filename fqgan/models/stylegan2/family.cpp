// StyleGAN2's networks, optimizers and phases (NVlabs/stylegan2-ada-pytorch, training/loss.py and training_loop.py): G,
// its path length, D, its gradient penalty; the penalties run in some iterations only and share the optimizers.
#include <algorithm>
#include <cmath>

#include "fqgan/losses/adversarial.h"
#include "fqgan/losses/style_gan.h"
#include "fqgan/models/critic.h"
#include "fqgan/models/stylegan2/discriminator.h"
#include "fqgan/models/stylegan2/generation.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

/// Adam's settings where a penalty takes one more step in every `interval` iterations (Karras et al. 2020, appendix B).
OptimizerSpec lazy(const AdamOptions& adam, const std::string& network, int64_t interval) {
  auto spec = adam.spec({network});
  const auto ratio = static_cast<double>(interval) / static_cast<double>(interval + 1);
  spec.learning_rate *= ratio;
  spec.beta1 = std::pow(spec.beta1, ratio);
  spec.beta2 = std::pow(spec.beta2, ratio);
  return spec;
}

/// Generated images and the w rows that they were made of.
struct Made {
  torch::Tensor images, ws, labels;
};

class StyleGan2 : public Family {
 public:
  StyleGan2(const StyleGan2Options& o, const DataInfo& data, const Numerics& n, Streams& initial)
      : options_(o), plan_(o.plan(data)), loss_(adversarial_loss("non_saturating")) {
    numerics = n;
    generator_ = StyleGan2Generator(options_, plan_, initial);
    discriminator_ = StyleGan2Discriminator(options_, plan_, initial);
    auto copied = Streams::unused();
    average_ = StyleGan2Generator(options_, plan_, copied);
    copy_state(*generator_, *average_);
    networks = {{"generator", generator_.ptr()}, {"discriminator", discriminator_.ptr()}};
    const auto& g = options_.generator;
    const auto& d = options_.discriminator;
    optimizers = {{"generator", lazy(g.adam, "generator", g.path_length.interval)},
                  {"discriminator", lazy(d.adam, "discriminator", d.r1.interval)}};
    averages = {{"generator", average_spec()}};
    streams = {{"train", {"train", o.batch}}};
    state = {{"path_length_mean", torch::zeros({}, torch::TensorOptions(n.parameters()).device(n.device))}};
    phases = {phase("Gmain", "generator", 1, &StyleGan2::generator_gradients)};
    if (g.path_length.weight > 0)
      phases.push_back(phase("Greg", "generator", g.path_length.interval, &StyleGan2::path_length_gradients));
    phases.push_back(phase("Dmain", "discriminator", 1, &StyleGan2::discriminator_gradients));
    if (plan_.gamma > 0) phases.push_back(phase("Dreg", "discriminator", d.r1.interval, &StyleGan2::r1_gradients));
    place();
    frozen_ = discriminator_->first_parameters(d.frozen);
    critic_.network = [this](const Batch& batch, Pass& pass) {
      return discriminator_->forward(batch.images, plan_.classes ? batch.labels : torch::Tensor(), pass);
    };
    generator = GeneratorAccess{stylegan2_latents(plan_), [this](Weights weights) {
                                  return open_stylegan2_generator(
                                      options_, weights == Weights::average ? average_ : generator_, numerics);
                                }};
    scorer = Scorer{[this](const Batch& batch, Pass& pass) { return critic_(batch, pass); }, plan_.classes, o.batch};
  }

  void prepare(Step& step) override {
    if (options_.quantizer.starts_from_data()) critic_.initialise(step.shared("train"), Role::real, step);
  }

 private:
  AverageSpec average_spec() const {
    AverageSpec spec;
    spec.of = "generator";
    spec.network = average_.ptr();
    spec.half_life = plan_.half_life;
    spec.half_life_ramp = options_.average.ramp;
    spec.buffers = AverageBuffers::copy;
    return spec;
  }

  Phase phase(const std::string& name, const std::string& network, int64_t interval,
              void (StyleGan2::*gradients)(Step&)) {
    Phase phase{name, network, {network}};
    phase.interval = interval;
    phase.accumulate = options_.accumulate;
    phase.gradients = [this, gradients](Step& step) { (this->*gradients)(step); };
    const bool penalty = name.ends_with("reg");
    phase.before_update = [this, network, penalty](Step&) { clean_gradients(network, penalty); };
    return phase;
  }

  /// Replaces values that are not finite, as the released code does, and undefined gradients in the penalties' phases;
  /// drops those of frozen parameters.
  void clean_gradients(const std::string& network, bool penalty) {
    torch::NoGradGuard no_grad;
    for (auto& parameter : networks.at(network)->parameters()) {
      auto& gradient = parameter.mutable_grad();
      if (is_frozen(parameter))
        gradient = torch::Tensor();
      else if (gradient.defined())
        at::nan_to_num_(gradient, 0., 1e5, -1e5);
      else if (penalty && options_.zero_gradients)
        gradient = torch::zeros_like(parameter);
    }
  }

  bool is_frozen(const torch::Tensor& parameter) const {
    return std::any_of(frozen_.begin(), frozen_.end(), [&](const auto& frozen) { return frozen.is_same(parameter); });
  }

  torch::Tensor placed(const torch::Tensor& drawn) const { return drawn.to(numerics.device, numerics.parameters()); }

  NoiseSource noise(Step& step, int64_t batch) const {
    return [this, &step, batch](const NoiseRequest& request) {
      return placed(step.normal(batch, {1, request.height, request.width}, "noise"));
    };
  }

  /// w of `batch` new latents (over all ranks), mixed: N x rows x W.
  torch::Tensor styles(Step& step, int64_t batch, const torch::Tensor& labels, Pass& pass) {
    const auto rows = plan_.rows();
    const auto latents = [&] { return placed(step.normal(batch, {plan_.latent}, "latents")); };
    const auto w = generator_->mapping->forward(latents(), labels, pass);
    generator_->mapping->track(w, pass);
    const auto ws = rows_of_w(w, rows);
    const auto probability = options_.generator.style_mixing;
    if (probability == 0) return ws;
    const auto cutoff = step.random.integers(rows - 1, {}, "mixing cutoff").item<int64_t>() + 1;
    const bool mixes = step.random.uniform({}, "mixing").item<double>() < probability;
    const auto others = latents();
    if (!mixes) return ws;
    const auto other = rows_of_w(generator_->mapping->forward(others, labels, pass), rows);
    return at::cat({ws.narrow(1, 0, cutoff), other.narrow(1, cutoff, rows - cutoff)}, 1);
  }

  Made make_images(Step& step, int64_t batch, Pass& pass) {
    Made made;
    if (plan_.classes) made.labels = step.integers(plan_.classes, batch, {}, "labels").to(numerics.device);
    made.ws = styles(step, batch, made.labels, pass);
    made.images = generator_->synthesis->forward(made.ws, noise(step, batch), pass);
    return made;
  }

  Made fakes(Step& step) {
    auto pass = step.pass({{Role::fake, step.rows(options_.batch)}});
    return make_images(step, options_.batch, pass);
  }

  void generator_gradients(Step& step) {
    const auto made = fakes(step);
    auto pass = step.pass({{Role::fake, made.images.size(0)}});
    const auto logits = critic_({made.images, made.labels}, pass);
    const auto adversarial = loss_.generator(logits);
    step.backward(adversarial + pass.tap_loss());
    step.report("loss/generator", adversarial.detach());
  }

  void path_length_gradients(Step& step) {
    const auto& o = options_.generator.path_length;
    const auto batch = std::max<int64_t>(options_.batch / o.batch_fraction, ranks_in(step.ranks));
    auto pass = step.penalty_pass({{Role::fake, step.rows(batch)}}, numerics.compute);
    const auto made = make_images(step, batch, pass);
    const auto noise = placed(step.normal(batch, {plan_.channels, plan_.height, plan_.width}, "path length"));
    const auto lengths = path_lengths(made.images, made.ws, noise);
    auto& average = state.at("path_length_mean");
    const auto result = path_length_penalty(lengths, mean_over(lengths.mean(), step.ranks), average, o.decay);
    average.copy_(result.average);
    step.backward(result.penalty * (o.weight * static_cast<double>(o.interval)));
    step.report("loss/path_length", result.penalty.detach());
    step.report("path_length", result.average);
  }

  void discriminator_gradients(Step& step) {
    Made made;
    {
      torch::NoGradGuard no_grad;
      made = fakes(step);
    }
    auto pass = step.pass({{Role::fake, made.images.size(0)}});
    const auto fake = critic_({made.images, made.labels}, pass);
    const auto of_fake = at::softplus(fake).mean();
    step.backward(of_fake + pass.tap_loss());
    step.report_taps(pass);
    const auto batch = step.shared("train");
    auto again = step.pass({{Role::real, batch.images.size(0)}});
    const auto real = critic_(batch, again);
    const auto of_real = at::softplus(-real).mean();
    step.backward(of_real + again.tap_loss());
    step.report_taps(again);
    step.report("loss/discriminator", (of_fake + of_real).detach());
    step.report("logit/real", real.detach().mean());
    step.report("logit/fake", fake.detach().mean());
  }

  void r1_gradients(Step& step) {
    const auto& o = options_.discriminator.r1;
    const auto batch = step.shared("train");
    const auto images = batch.images.detach().to(numerics.parameters()).requires_grad_(true);
    auto pass = step.penalty_pass({{Role::real, images.size(0)}}, numerics.compute);
    const auto penalty = r1_penalty(critic_({images, batch.labels}, pass), images, plan_.gamma);
    step.backward(penalty * static_cast<double>(o.interval));
    step.report("loss/r1", penalty.detach());
  }

  StyleGan2Options options_;
  StyleGan2Plan plan_;
  const AdversarialLoss& loss_;
  StyleGan2Generator generator_{nullptr}, average_{nullptr};
  StyleGan2Discriminator discriminator_{nullptr};
  std::vector<torch::Tensor> frozen_;  // parameters of the discriminator that are not trained
  Critic critic_;
};

}  // namespace

std::unique_ptr<Family> StyleGan2Options::make(const DataInfos& infos, const Numerics& numerics,
                                               Streams& initial) const {
  return std::make_unique<StyleGan2>(*this, main_info(infos), numerics, initial);
}

}  // namespace fqgan
