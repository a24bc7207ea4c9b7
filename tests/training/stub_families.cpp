#include "training/stub_families.h"

#include "fqgan/core/error.h"
#include "fqgan/losses/adversarial.h"
#include "fqgan/nn/feature_quantizer.h"
#include "fqgan/nn/layers.h"

namespace fqgan::test {
namespace {

constexpr int64_t latent = 6, size = 8, batch = 4;

/// N x Z -> N x 1 x 8 x 8
struct ToyGenerator : torch::nn::Module {
  explicit ToyGenerator(Streams& random) {
    linear = register_module(
        "linear", Linear(latent, 4 * 4 * 4, true, WeightOptions{WeightNormalization::none, 0, "xavier"}, random));
    conv = register_module("conv", Conv2d(Conv2dOptions{4, 1, 3, Resample::up},
                                          WeightOptions{WeightNormalization::none, 0, "xavier"}, random));
  }
  torch::Tensor forward(const torch::Tensor& z, Pass& pass) {
    return at::tanh(conv->forward(linear->forward(z, pass).reshape({-1, 4, 4, 4}).to(pass.compute), pass));
  }
  Linear linear{nullptr};
  Conv2d conv{nullptr};
};

/// N x 1 x 8 x 8 -> N x out, with a tap
struct ToyDiscriminator : torch::nn::Module {
  ToyDiscriminator(int64_t out, Streams& random) {
    conv = register_module("conv", Conv2d(Conv2dOptions{1, 4, 3, Resample::down}, WeightOptions{}, random));
    taps = register_module("taps", std::make_shared<Taps>(std::vector<TapPoint>{{"block0", 4}}));
    linear = register_module("linear", Linear(4, out, true, WeightOptions{}, random));
  }
  torch::Tensor forward(const torch::Tensor& x, Pass& pass) {
    // softplus, not ReLU: a penalty on its gradient then reaches every weight
    const auto h = (*taps)("block0", at::softplus(conv->forward(x, pass)), pass);
    return linear->forward(h.sum({2, 3}).to(linear->weight.scalar_type()), pass);
  }
  Conv2d conv{nullptr};
  std::shared_ptr<Taps> taps;
  Linear linear{nullptr};
};

class Stub : public Family {
 public:
  std::unique_ptr<Sampler> sampler(const SampleOptions&) override { fail("sample", "a stub does not sample"); }

 protected:
  Streams initial_{11, Counters{0, -1}};
  template <class T, class... Arguments>
  std::shared_ptr<T> add(const std::string& name, Arguments... arguments) {
    auto network = std::make_shared<T>(arguments..., initial_);
    networks.emplace(name, network);
    return network;
  }
  torch::Tensor latents(Step& step) { return step.normal(batch, {latent}, "latents").to(numerics.parameters()); }
  Batch fakes(ToyGenerator& generator, Step& step) {
    auto pass = step.pass({{Role::fake, step.rows(batch)}});
    return {generator.forward(latents(step), pass), {}};
  }
};

class BigGanStub : public Stub {
 public:
  BigGanStub() {
    generator_ = add<ToyGenerator>("generator");
    discriminator_ = add<ToyDiscriminator>("discriminator", int64_t{1});
    discriminator_->taps->attach("block0", std::make_shared<FeatureQuantizer>(4, FeatureQuantizerOptions{}, initial_));
    optimizers = {{"generator", {{"generator"}}}, {"discriminator", {{"discriminator"}}}};
    averages = {{"generator", {"generator", std::make_shared<ToyGenerator>(initial_), 0.9}}};
    streams = {{"train", {"train", batch}}};
    Phase d{"discriminator", "discriminator", {"discriminator"}};
    d.repeats = 4;
    d.gradients = [this](Step& step) {
      const auto real = step.next("train").images;
      auto pass = step.pass({{Role::fake, step.rows(batch)}, {Role::real, step.rows(batch)}});
      const auto logits = discriminator_->forward(at::cat({fakes(*generator_, step).images.detach(), real}), pass);
      step.backward(hinge().discriminator(pass.rows_of(logits, Role::real), pass.rows_of(logits, Role::fake)) +
                    pass.tap_loss());
      step.report_taps(pass);
    };
    Phase g{"generator", "generator", {"generator"}};
    g.gradients = [this](Step& step) {
      auto pass = step.pass({{Role::fake, step.rows(batch)}});
      step.backward(hinge().generator(discriminator_->forward(fakes(*generator_, step).images, pass)) +
                    pass.tap_loss());
    };
    phases = {d, g};
  }

 private:
  static const AdversarialLoss& hinge() { return adversarial_loss("hinge"); }
  std::shared_ptr<ToyGenerator> generator_;
  std::shared_ptr<ToyDiscriminator> discriminator_;
};

class StyleGan2Stub : public Stub {
 public:
  StyleGan2Stub() {
    generator_ = add<ToyGenerator>("generator");
    discriminator_ = add<ToyDiscriminator>("discriminator", int64_t{1});
    // Lazy regularization: the betas are raised to interval / (interval + 1), the rate scaled by it.
    optimizers = {{"generator", {{"generator"}, 2e-3 * 0.5, 0., std::pow(0.99, 0.5)}},
                  {"discriminator", {{"discriminator"}, 2e-3 * 0.5, 0., std::pow(0.99, 0.5)}}};
    averages = {{"generator", {"generator", std::make_shared<ToyGenerator>(initial_), 0.99}}};
    streams = {{"train", {"train", batch}}};
    state = {{"path_length_mean", torch::zeros({}, torch::kDouble)}};
    phases = {phase("Gmain", "generator", 1, &StyleGan2Stub::g_main),
              phase("Greg", "generator", 2, &StyleGan2Stub::g_reg),
              phase("Dmain", "discriminator", 1, &StyleGan2Stub::d_main),
              phase("Dreg", "discriminator", 2, &StyleGan2Stub::d_reg)};
  }
  void after_iteration(Step& step) override { step.report("augmentation/p", torch::zeros({})); }

 private:
  Phase phase(const std::string& name, const std::string& network, int64_t interval,
              void (StyleGan2Stub::*run)(Step&)) {
    Phase phase{name, network, {network}};
    phase.interval = interval;
    phase.gradients = [this, run](Step& step) { (this->*run)(step); };
    return phase;
  }
  void g_main(Step& step) {
    auto pass = step.pass({{Role::fake, step.rows(batch)}});
    step.backward(at::softplus(-discriminator_->forward(fakes(*generator_, step).images, pass)).mean());
  }
  void g_reg(Step& step) {  // path length: a gradient penalty through G, with state
    auto pass = penalty_pass(step);
    const auto z = latents(step).requires_grad_(true);
    const auto images = generator_->forward(z, pass);
    const auto noise = step.normal(batch, images.sizes().slice(1), "noise") / size;
    const auto slope = torch::autograd::grad({(images * noise).sum()}, {z}, {}, true, true)[0];
    const auto lengths = slope.pow(2).sum(1).sqrt();
    auto& mean = state.at("path_length_mean");
    mean.copy_(at::lerp(mean, mean_over(lengths.detach().mean(), step.ranks).to(mean.scalar_type()), 0.01));
    step.backward((lengths - mean).pow(2).mean());
  }
  void d_main(Step& step) {
    const auto real = step.next("train").images;
    auto pass = step.pass({{Role::fake, step.rows(batch)}, {Role::real, step.rows(batch)}});
    const auto logits = discriminator_->forward(at::cat({fakes(*generator_, step).images.detach(), real}), pass);
    step.backward(at::softplus(pass.rows_of(logits, Role::fake)).mean());  // two backwards, one step
    auto again = step.pass({{Role::real, step.rows(batch)}});
    step.backward(at::softplus(-discriminator_->forward(real, again)).mean());
  }
  void d_reg(Step& step) {  // R1
    const auto real = step.next("train").images.detach().requires_grad_(true);
    auto pass = penalty_pass(step);
    const auto logits = discriminator_->forward(real, pass);
    const auto slope = torch::autograd::grad({logits.sum()}, {real}, {}, true, true)[0];
    step.backward(slope.pow(2).sum({1, 2, 3}).mean() * 5);
  }
  Pass penalty_pass(Step& step) {
    auto pass = step.pass({{Role::real, step.rows(batch)}});
    pass.twin = true;
    pass.update_state = false;
    pass.compute = numerics.parameters();
    return pass;
  }
  std::shared_ptr<ToyGenerator> generator_;
  std::shared_ptr<ToyDiscriminator> discriminator_;
};

/// Image to image, with the rho that adaptive layer-instance normalization clips to [0, 1].
struct ToyTranslator : torch::nn::Module {
  explicit ToyTranslator(Streams& random) {
    conv = register_module("conv",
                           Conv2d(Conv2dOptions{1, 1}, WeightOptions{WeightNormalization::none, 0, "xavier"}, random));
    rho = register_parameter("rho", torch::ones({1, 1, 1, 1}));
  }
  struct Output {
    torch::Tensor image, cam, heat_map;
  };
  Output forward(const torch::Tensor& x, Pass& pass) {
    const auto h = conv->forward(x, pass);
    return {at::tanh(h * rho + x * (1 - rho)), h.mean({1, 2, 3}), h.abs()};
  }
  Conv2d conv{nullptr};
  torch::Tensor rho;
};

class UgatitStub : public Stub {
 public:
  UgatitStub() {
    for (const auto* name : {"generator_a2b", "generator_b2a"}) generators_.push_back(add<ToyTranslator>(name));
    for (const auto* name : {"global_a", "global_b", "local_a", "local_b"})
      discriminators_.push_back(add<ToyDiscriminator>(name, int64_t{2}));
    optimizers = {{"generators", {{"generator_a2b", "generator_b2a"}, 1e-2, 0.5}},
                  {"discriminators", {{"global_a", "global_b", "local_a", "local_b"}, 1e-4, 0.5}}};
    streams = {{"a", {"a", batch}}, {"b", {"b", batch}}};
    Phase d{"discriminators", "discriminators", {"global_a", "global_b", "local_a", "local_b"}};
    d.gradients = [this](Step& step) {
      const auto a = step.shared("a").images, b = step.shared("b").images;
      auto pass = step.pass({{Role::fake, step.rows(batch)}});
      auto loss = against(b, 1, step) + against(generators_[0]->forward(a, pass).image.detach(), 0, step);
      loss = loss + against(a, 1, step) + against(generators_[1]->forward(b, pass).image.detach(), 0, step);
      step.backward(loss);
      step.report("mean_pixel/discriminators", a.mean());
    };
    Phase g{"generators", "generators", {"generator_a2b", "generator_b2a"}};
    g.gradients = [this](Step& step) {
      const auto a = step.shared("a").images, b = step.shared("b").images;
      auto pass = step.pass({{Role::fake, step.rows(batch)}});
      const auto fake_b = generators_[0]->forward(a, pass);
      const auto cycled = generators_[1]->forward(fake_b.image, pass), identity = generators_[0]->forward(b, pass);
      step.backward(against(fake_b.image, 1, step) + (cycled.image - a).abs().mean() * 10 +
                    (identity.image - b).abs().mean() * 10 + at::softplus(fake_b.cam).mean() +
                    0.3 * generators_[0]->rho.mean());
      step.report("mean_pixel/generators", a.mean());
    };
    g.after_update = [this](Step&) {
      torch::NoGradGuard no_grad;
      for (auto& generator : generators_) generator->rho.clamp_(0, 1);
    };
    phases = {d, g};
  }

 private:
  torch::Tensor against(const torch::Tensor& images, double target, Step& step) {
    torch::Tensor loss;
    for (auto& discriminator : discriminators_) {
      auto pass = step.pass({{target > 0 ? Role::real : Role::fake, step.rows(batch)}});
      const auto term = (discriminator->forward(images, pass) - target).pow(2).mean();
      loss = loss.defined() ? loss + term : term;
    }
    return loss;
  }
  std::vector<std::shared_ptr<ToyTranslator>> generators_;
  std::vector<std::shared_ptr<ToyDiscriminator>> discriminators_;
};

/// A linear layer whose shift and scale come from the data (weight normalization's data-dependent initialisation).
struct DataInitialised : torch::nn::Module {
  DataInitialised(int64_t in, int64_t out, Streams& random) {
    linear = register_module("linear",
                             Linear(in, out, false, WeightOptions{WeightNormalization::none, 0, "normal"}, random));
    scale = register_parameter("scale", torch::ones({out}));
    shift = register_parameter("shift", torch::zeros({out}));
  }
  torch::Tensor forward(const torch::Tensor& x, Pass& pass) {
    const auto h = linear->forward(x, pass);
    if (pass.initialise) {
      torch::NoGradGuard no_grad;
      const auto mean = mean_over(h.mean(0), pass.ranks), squares = mean_over((h - mean).pow(2).mean(0), pass.ranks);
      scale.copy_(1 / (squares.sqrt() + 1e-6));
      shift.copy_(-mean * scale);
    }
    return h * scale + shift;
  }
  Linear linear{nullptr};
  torch::Tensor scale, shift;
};

class SemiSupervisedStub : public Stub {
 public:
  SemiSupervisedStub() {
    generator_ = add<ToyGenerator>("generator");
    classifier_ = add<DataInitialised>("classifier", size * size, int64_t{3});
    optimizers = {{"generator", {{"generator"}, 3e-3, 0.5}}, {"classifier", {{"classifier"}, 3e-3, 0.5}}};
    averages = {{"classifier", {"classifier", std::make_shared<DataInitialised>(size * size, 3, initial_), 0.9}}};
    streams = {
        {"labelled", {"labelled", batch}}, {"unlabelled_d", {"train", batch}}, {"unlabelled_g", {"train", batch}}};
    Phase d{"classifier", "classifier", {"classifier"}};
    d.gradients = [this](Step& step) {
      const auto labelled = step.next("labelled"), unlabelled = step.next("unlabelled_d");
      const auto n = step.rows(batch);
      auto pass = step.pass({{Role::labelled, n}, {Role::unlabelled, n}, {Role::fake, n}});
      const auto logits =
          forward(at::cat({labelled.images, unlabelled.images, fakes(*generator_, step).images.detach()}), pass);
      const auto z = at::logsumexp(logits, 1);
      const auto real = pass.rows_of(z, Role::unlabelled), fake = pass.rows_of(z, Role::fake);
      step.backward(at::cross_entropy_loss(pass.rows_of(logits, Role::labelled), labelled.labels) - 0.5 * real.mean() +
                    0.5 * at::softplus(real).mean() + 0.5 * at::softplus(fake).mean());
    };
    Phase g{"generator", "generator", {"generator"}};
    g.gradients = [this](Step& step) {  // feature matching
      auto pass = step.pass({{Role::unlabelled, step.rows(batch)}, {Role::fake, step.rows(batch)}});
      const auto features = forward(at::cat({step.next("unlabelled_g").images, fakes(*generator_, step).images}), pass);
      const auto mean_of = [&](Role role) { return mean_over(pass.rows_of(features, role).mean(0), step.ranks); };
      step.backward((mean_of(Role::unlabelled) - mean_of(Role::fake)).pow(2).mean());
    };
    phases = {d, g};
  }
  void prepare(Step& step) override {
    auto pass = step.pass({{Role::unlabelled, step.rows(batch)}});
    pass.initialise = true;
    forward(step.next("unlabelled_d").images, pass);
  }

 private:
  torch::Tensor forward(const torch::Tensor& images, Pass& pass) {
    return classifier_->forward(images.flatten(1), pass);
  }
  std::shared_ptr<ToyGenerator> generator_;
  std::shared_ptr<DataInitialised> classifier_;
};

}  // namespace

std::unique_ptr<Family> biggan_stub() { return std::make_unique<BigGanStub>(); }
std::unique_ptr<Family> stylegan2_stub() { return std::make_unique<StyleGan2Stub>(); }
std::unique_ptr<Family> ugatit_stub() { return std::make_unique<UgatitStub>(); }
std::unique_ptr<Family> semi_supervised_stub() { return std::make_unique<SemiSupervisedStub>(); }

}  // namespace fqgan::test
