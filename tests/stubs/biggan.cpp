// BigGAN's outline: D several times, then G; feature quantization; an average of G.
#include "fqgan/losses/adversarial.h"
#include "fqgan/models/techniques/feature_quantization.h"
#include "stubs/families.h"
#include "stubs/options.h"

namespace fqgan::test {
namespace {

class BigGanStub : public Stub {
 public:
  BigGanStub(const StubOptions& options, const DataInfo&, const Numerics& n, Streams& initial)
      : Stub(options, n, initial) {
    generator_ = add<ToyGenerator>("generator");
    const auto discriminator = add<ToyDiscriminator>("discriminator", int64_t{1});
    QuantizationOptions quantization;
    quantization.taps = {"block0"};
    attach_quantizers(*discriminator->taps, quantization, initial_);
    optimizers = {{"generator", {{"generator"}}}, {"discriminator", {{"discriminator"}}}};
    AverageSpec spec;
    spec.decay = 0.9;
    average_ = average<ToyGenerator>("generator", spec);
    streams = {{"train", {"train", batch_}}};
    Phase d{"discriminator", "discriminator", {"discriminator"}}, g{"generator", "generator", {"generator"}};
    d.repeats = 4;
    d.gradients = [this](Step& step) { discriminator_gradients(step); };
    g.gradients = [this](Step& step) { generator_gradients(step); };
    phases = {d, g};
    critic_ = critic(discriminator);
    generator = GeneratorAccess{space, [this](Weights weights) {
                                  return drawn_by(weights == Weights::average ? *average_ : *generator_, space);
                                }};
    scorer = Scorer{[this](const Batch& batch, Pass& pass) { return critic_(batch, pass).squeeze(1); }};
    place();
  }

 private:
  static constexpr LatentSpace space{toy_latent, 0, LatentLaw::normal, Truncation::resample};

  void discriminator_gradients(Step& step) {
    const auto fake = fakes_of(*generator_, step).images.detach(), real = step.next("train").images;
    auto pass = step.pass({{Role::fake, fake.size(0)}, {Role::real, real.size(0)}});
    const auto logits = critic_({at::cat({fake, real}), {}}, pass);
    step.backward(hinge_.discriminator(pass.rows_of(logits, Role::real), pass.rows_of(logits, Role::fake)) +
                  pass.tap_loss());
    step.report_taps(pass);
  }

  void generator_gradients(Step& step) {
    const auto fake = fakes_of(*generator_, step);
    auto pass = step.pass({{Role::fake, fake.images.size(0)}});
    step.backward(hinge_.generator(critic_(fake, pass)) + pass.tap_loss());
  }

  const AdversarialLoss& hinge_ = adversarial_loss("hinge");
  std::shared_ptr<ToyGenerator> generator_, average_;
  Critic critic_;
};

}  // namespace

std::unique_ptr<FamilyOptions> biggan_stub_options() { return std::make_unique<OptionsOf<BigGanStub>>(); }

}  // namespace fqgan::test
