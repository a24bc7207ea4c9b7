#include "ring.h"

#include "fqgan/losses/adversarial.h"
#include "fqgan/losses/feature_matching.h"
#include "fqgan/nn/feature_quantizer.h"
#include "fqgan/nn/layers.h"
#include "fqgan/nn/minibatch_discrimination.h"

namespace fqgan::example {
namespace {

constexpr int64_t units = 128, batch = 100, codes = 64;
constexpr const char* tap = "features";

WeightOptions plain_weights() {
  WeightOptions weight;
  weight.normalization = WeightNormalization::none;
  return weight;
}

struct Generator : torch::nn::Module {
  Generator(int64_t latent, Streams& random)
      : first(latent, units, true, plain_weights(), random),
        second(units, units, true, plain_weights(), random),
        output(units, 2, true, plain_weights(), random) {
    register_module("first", first);
    register_module("second", second);
    register_module("output", output);
  }
  torch::Tensor forward(const torch::Tensor& latents, Pass& pass) {
    const auto h = at::relu(second->forward(at::relu(first->forward(latents, pass)), pass));
    return output->forward(h, pass);
  }
  Linear first, second, output;
};

struct Discriminator : torch::nn::Module {
  Discriminator(const Method& method, Streams& random)
      : first(2, units, true, plain_weights(), random),
        second(units, units, true, plain_weights(), random),
        output(units + method.kernels, 1, true, plain_weights(), random) {
    register_module("first", first);
    register_module("second", second);
    register_module("output", output);
    taps = register_module("taps", std::make_shared<Taps>(std::vector<TapPoint>{{tap, units}}));
    if (method.kernels > 0)
      minibatch = register_module("minibatch", MinibatchDiscrimination(units, method.kernels, method.dims, random));
    if (!method.quantized) return;
    FeatureQuantizerOptions options;
    options.codes = codes;
    taps->attach(tap, std::make_shared<FeatureQuantizer>(units, options, random));
  }
  torch::Tensor forward(const torch::Tensor& points, Pass& pass) {
    const auto h = at::relu(second->forward(at::relu(first->forward(points, pass)), pass));
    const auto features = (*taps)(tap, h.unsqueeze(2).unsqueeze(3), pass).flatten(1);
    return output->forward(minibatch ? minibatch->forward(features, pass) : features, pass).squeeze(1);
  }
  Linear first, second, output;
  MinibatchDiscrimination minibatch{nullptr};
  std::shared_ptr<Taps> taps;
};

class RingFamily : public Family {
 public:
  RingFamily(Ring ring, Method method, uint64_t seed)
      : ring_(ring), method_(std::move(method)), loss_(adversarial_loss("non_saturating")) {
    auto random = Streams::initial(seed);
    generator_ = std::make_shared<Generator>(method_.latent, random);
    discriminator_ = std::make_shared<Discriminator>(method_, random);
    networks = {{"generator", generator_}, {"discriminator", discriminator_}};
    for (const auto* name : {"generator", "discriminator"}) optimizers[name] = {{name}, 1e-3, 0.5};
    phases = {{"discriminator", "discriminator", {"discriminator"}}, {"generator", "generator", {"generator"}}};
    phases[0].gradients = [this](Step& step) { discriminator_gradients(step); };
    phases[1].gradients = [this](Step& step) { generator_gradients(step); };
    place();
  }

  std::unique_ptr<Sampler> sampler(const SampleOptions& request) override;

 private:
  torch::Tensor generate(Step& step) {
    auto pass = step.pass({{Role::fake, batch}});
    return generator_->forward(step.random.normal({batch, method_.latent}, "latents"), pass);
  }

  void discriminator_gradients(Step& step) {
    const auto fake = generate(step).detach(), real = ring_.draw(batch, step.random);
    auto pass = step.pass({{Role::fake, batch}, {Role::real, batch}});
    const auto logits = discriminator_->forward(at::cat({fake, real}), pass);
    step.backward(loss_.discriminator(pass.rows_of(logits, Role::real), pass.rows_of(logits, Role::fake)) +
                  pass.tap_loss());
  }

  void generator_gradients(Step& step) {
    auto pass = step.pass({{Role::fake, batch}});
    pass.keep = {tap};
    const auto logits = discriminator_->forward(generate(step), pass);
    auto objective = method_.adversarial * loss_.generator(logits) + pass.tap_loss();
    if (method_.feature_matching > 0)
      objective = objective +
                  method_.feature_matching * feature_matching(real_features(step), pass.features.at(tap), "squared");
    step.backward(objective);
  }

  torch::Tensor real_features(Step& step) {
    torch::NoGradGuard no_grad;
    auto pass = step.pass({{Role::real, batch}});
    pass.keep = {tap};
    pass.update_state = false;
    discriminator_->forward(ring_.draw(batch, step.random), pass);
    return pass.features.at(tap);
  }

  Ring ring_;
  Method method_;
  const AdversarialLoss& loss_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<Discriminator> discriminator_;
};

class RingSampler : public Sampler {
 public:
  RingSampler(std::shared_ptr<Generator> generator, int64_t latent, uint64_t seed)
      : generator_(std::move(generator)), latent_(latent), seed_(seed) {}
  Images next(int64_t count) override {
    torch::NoGradGuard no_grad;
    Streams random(seed_, Counters{drawn_, -1});
    drawn_ += count;
    Pass pass(random);
    return {generator_->forward(random.normal({count, latent_}, "latents"), pass).unsqueeze(2).unsqueeze(3), {}};
  }

 private:
  std::shared_ptr<Generator> generator_;
  int64_t latent_;
  uint64_t seed_;
  int64_t drawn_ = 0;
};

std::unique_ptr<Sampler> RingFamily::sampler(const SampleOptions& request) {
  return std::make_unique<RingSampler>(generator_, method_.latent, request.seed);
}

}  // namespace

std::unique_ptr<Family> ring_family(const Ring& ring, const Method& method, uint64_t seed) {
  return std::make_unique<RingFamily>(ring, method, seed);
}

}  // namespace fqgan::example
