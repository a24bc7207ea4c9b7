#include "ring.h"

#include "fqgan/losses/adversarial.h"
#include "fqgan/losses/feature_matching.h"
#include "fqgan/models/critic.h"
#include "fqgan/nn/layers.h"
#include "fqgan/nn/minibatch_discrimination.h"

namespace fqgan::example {
namespace {

constexpr int64_t units = 128, batch = 100;
constexpr const char* tap = "features";

WeightOptions plain_weights() {
  WeightOptions weight;
  weight.normalization = WeightNormalization::none;
  return weight;
}

struct PointGenerator : torch::nn::Module {
  PointGenerator(int64_t latent, Streams& random)
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

struct PointDiscriminator : torch::nn::Module {
  PointDiscriminator(const Method& method, Streams& random)
      : first(2, units, true, plain_weights(), random),
        second(units, units, true, plain_weights(), random),
        output(units + method.kernels, 1, true, plain_weights(), random) {
    register_module("first", first);
    register_module("second", second);
    register_module("output", output);
    taps = register_module("taps", std::make_shared<Taps>(std::vector<TapPoint>{{tap, units}}));
    if (method.kernels > 0)
      minibatch = register_module("minibatch", MinibatchDiscrimination(units, method.kernels, method.dims, random));
    attach_quantizers(*taps, method.quantizer, random);
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
    generator_ = std::make_shared<PointGenerator>(method_.latent, random);
    discriminator_ = std::make_shared<PointDiscriminator>(method_, random);
    networks = {{"generator", generator_}, {"discriminator", discriminator_}};
    for (const auto* name : {"generator", "discriminator"}) optimizers[name] = {{name}, 1e-3, 0.5};
    phases = {{"discriminator", "discriminator", {"discriminator"}}, {"generator", "generator", {"generator"}}};
    phases[0].gradients = [this](Step& step) { discriminator_gradients(step); };
    phases[1].gradients = [this](Step& step) { generator_gradients(step); };
    place();
    critic_.network = [this](const Batch& points, Pass& pass) { return discriminator_->forward(points.images, pass); };
    generator = GeneratorAccess{{.width = method_.latent}, [this](Weights weights) { return open(weights); }};
  }

 private:
  Generator open(Weights) const {
    Generator opened{{.width = method_.latent}, generator_};
    opened.images = [network = generator_](const Latents& latents, Pass& pass) {
      return network->forward(latents.z, pass).unsqueeze(2).unsqueeze(3);
    };
    return opened;
  }

  Batch generate(Step& step) {
    auto pass = step.pass({{Role::fake, batch}});
    return {generator_->forward(step.random.normal({batch, method_.latent}, "latents"), pass), {}};
  }

  void discriminator_gradients(Step& step) {
    const auto fake = generate(step).images.detach(), real = ring_.draw(batch, step.random);
    auto pass = step.pass({{Role::fake, batch}, {Role::real, batch}});
    const auto logits = critic_({at::cat({fake, real}), {}}, pass);
    step.backward(loss_.discriminator(pass.rows_of(logits, Role::real), pass.rows_of(logits, Role::fake)) +
                  pass.tap_loss());
  }

  void generator_gradients(Step& step) {
    auto pass = step.pass({{Role::fake, batch}});
    pass.keep = {tap};
    auto objective = method_.adversarial * loss_.generator(critic_(generate(step), pass)) + pass.tap_loss();
    if (method_.feature_matching > 0) {
      const auto real = critic_.features(tap, {ring_.draw(batch, step.random), {}}, Role::real, step);
      objective = objective + method_.feature_matching * feature_matching(real, pass.features.at(tap), "squared");
    }
    step.backward(objective);
  }

  Ring ring_;
  Method method_;
  const AdversarialLoss& loss_;
  std::shared_ptr<PointGenerator> generator_;
  std::shared_ptr<PointDiscriminator> discriminator_;
  Critic critic_;
};

}  // namespace

std::unique_ptr<Family> ring_family(const Ring& ring, const Method& method, uint64_t seed) {
  return std::make_unique<RingFamily>(ring, method, seed);
}

}  // namespace fqgan::example
