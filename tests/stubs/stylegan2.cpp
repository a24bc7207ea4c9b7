// StyleGAN2's outline: a mapping with a tracked mean, noise, lazy regularization on shared optimizers, double backward.
#include <cmath>

#include "stubs/families.h"
#include "stubs/options.h"

namespace fqgan::test {
namespace {

class StyleGan2Stub : public Stub {
 public:
  StyleGan2Stub(const StubOptions& options, const DataInfo&, const Numerics& n, Streams& initial)
      : Stub(options, n, initial) {
    generator_ = add<ToyStyleGenerator>("generator");
    const auto discriminator = add<ToyDiscriminator>("discriminator", int64_t{1});
    // Lazy regularization: the betas are raised to interval / (interval + 1), the rate scaled by it.
    optimizers = {{"generator", {{"generator"}, 2e-3 * 0.5, 0., std::pow(0.99, 0.5)}},
                  {"discriminator", {{"discriminator"}, 2e-3 * 0.5, 0., std::pow(0.99, 0.5)}}};
    AverageSpec spec;
    spec.decay = 0.99;
    average_ = average<ToyStyleGenerator>("generator", spec);
    streams = {{"train", {"train", batch_}}};
    state = {{"path_length_mean", torch::zeros({}, torch::TensorOptions(torch::kDouble).device(n.device))}};
    phases = {phase("Gmain", "generator", 1, &StyleGan2Stub::g_main),
              phase("Greg", "generator", 2, &StyleGan2Stub::g_reg),
              phase("Dmain", "discriminator", 1, &StyleGan2Stub::d_main),
              phase("Dreg", "discriminator", 2, &StyleGan2Stub::d_reg)};
    critic_ = critic(discriminator);
    generator = GeneratorAccess{space, [this](Weights weights) { return open(weights); }};
    scorer = Scorer{[this](const Batch& batch, Pass& pass) { return critic_(batch, pass).squeeze(1); }};
    place();
  }
  void after_iteration(Step& step) override { step.report("augmentation/p", torch::zeros({})); }

 private:
  static constexpr LatentSpace space{toy_latent,    0, LatentLaw::normal, Truncation::towards_mean, toy_latent,
                                     /*noise=*/true};

  Generator open(Weights weights) const {
    const auto network = copied(weights == Weights::average ? *average_ : *generator_);
    Generator opened{space, network};
    opened.map = [network](const Latents& latents, Pass& pass) {
      const auto w = latents.w.defined() ? latents.w : network->map(latents.z, pass);
      return latents.truncation ? at::lerp(network->w_mean, w, *latents.truncation) : w;
    };
    opened.images = [network, map = opened.map](const Latents& latents, Pass& pass) {
      return network->synthesize(map(latents, pass), noise_of(latents), pass);
    };
    return opened;
  }

  static torch::Tensor noise_of(const Latents& latents) {
    if (latents.noise == NoiseMode::constant) return torch::ones({1, 1, toy_size, toy_size});
    if (latents.noise == NoiseMode::none || latents.rows.empty()) return {};
    std::vector<torch::Tensor> rows;
    for (auto random : latents.rows) rows.push_back(random.normal({1, toy_size, toy_size}, "noise"));
    return at::stack(rows);
  }

  Phase phase(const std::string& name, const std::string& network, int64_t interval,
              void (StyleGan2Stub::*run)(Step&)) {
    Phase phase{name, network, {network}};
    phase.interval = interval;
    phase.gradients = [this, run](Step& step) { (this->*run)(step); };
    return phase;
  }

  Batch fakes(Step& step) {
    const auto z = latents(step);
    auto pass = step.pass({{Role::fake, z.size(0)}});
    const auto noise = placed(step.normal(batch_, {1, toy_size, toy_size}, "noise"));
    return {generator_->synthesize(generator_->map(z, pass), noise, pass), {}};
  }

  void g_main(Step& step) {
    const auto fake = fakes(step);
    auto pass = step.pass({{Role::fake, fake.images.size(0)}});
    step.backward(at::softplus(-critic_(fake, pass)).mean());
  }

  void g_reg(Step& step) {  // path length: a gradient penalty through G, with state
    const auto z = latents(step);
    auto pass = penalty_pass(step, z.size(0));
    const auto w = generator_->map(z, pass);
    const auto images = generator_->synthesize(w, {}, pass);
    const auto noise = placed(step.normal(batch_, {1, toy_size, toy_size}, "slope")) / toy_size;
    const auto slope = torch::autograd::grad({(images * noise).sum()}, {w}, {}, true, true)[0];
    const auto lengths = slope.pow(2).sum(1).sqrt();
    auto& mean = state.at("path_length_mean");
    mean.copy_(at::lerp(mean, mean_over(lengths.detach().mean(), step.ranks).to(mean.scalar_type()), 0.01));
    step.backward((lengths - mean).pow(2).mean());
  }

  void d_main(Step& step) {
    const auto fake = fakes(step).images.detach(), real = step.next("train").images;
    auto pass = step.pass({{Role::fake, fake.size(0)}});
    step.backward(at::softplus(critic_({fake, {}}, pass)).mean());  // two backwards, one step
    auto again = step.pass({{Role::real, real.size(0)}});
    step.backward(at::softplus(-critic_({real, {}}, again)).mean());
  }

  void d_reg(Step& step) {  // R1
    const auto real = placed(step.next("train").images).detach().requires_grad_(true);
    auto pass = penalty_pass(step, real.size(0));
    const auto slope = torch::autograd::grad({critic_({real, {}}, pass).sum()}, {real}, {}, true, true)[0];
    step.backward(slope.pow(2).sum({1, 2, 3}).mean() * 5);
  }

  Pass penalty_pass(Step& step, int64_t rows) const {
    auto pass = step.pass({{Role::real, rows}});
    pass.reference_operators = true;
    pass.update_state = false;
    pass.compute = numerics.parameters();
    return pass;
  }

  std::shared_ptr<ToyStyleGenerator> generator_, average_;
  Critic critic_;
};

}  // namespace

std::unique_ptr<FamilyOptions> stylegan2_stub_options() { return std::make_unique<OptionsOf<StyleGan2Stub>>(); }

}  // namespace fqgan::test
