// BigGAN's networks, optimizers and phases: D (several steps), then G. The quantizers' losses join both objectives, and
// in the G phase the frozen D still updates its state, as in YangNaruto/FQ-GAN.
#include "fqgan/core/error.h"
#include "fqgan/losses/adversarial.h"
#include "fqgan/losses/gradient_penalty.h"
#include "fqgan/models/biggan/discriminator.h"
#include "fqgan/models/biggan/generation.h"
#include "fqgan/models/critic.h"
#include "fqgan/models/techniques/historical_averaging.h"
#include "fqgan/nn/copy.h"
#include "fqgan/nn/orthogonal.h"

namespace fqgan {
namespace {

class BigGan : public Family {
 public:
  BigGan(const BigGanOptions& o, const DataInfo& data, const Numerics& n, Streams& initial)
      : options_(o), loss_(adversarial_loss(o.loss)), plan_(o.plan(data)) {
    numerics = n;
    generator_ = BigGanGenerator(options_, plan_, initial);
    discriminator_ = BigGanDiscriminator(options_, plan_, initial);
    auto copied = Streams::unused();
    average_ = BigGanGenerator(options_, plan_, copied);
    copy_state(*generator_, *average_);
    networks = {{"generator", generator_.ptr()}, {"discriminator", discriminator_.ptr()}};
    optimizers = {{"generator", options_.generator.adam.spec({"generator"})},
                  {"discriminator", options_.discriminator.adam.spec({"discriminator"})}};
    averages = {{"generator", {"generator", average_.ptr(), o.average.decay, o.average.start, o.average.ramp}}};
    streams = {{"train", {"train", o.batch}}};
    if (o.feature_matching.weight > 0) streams["matched"] = {"train", o.batch};
    phases = {discriminator_phase(), generator_phase()};
    place();
    critic_.network = [this](const Batch& batch, Pass& pass) {
      return discriminator_->forward(batch.images, labels_of(batch), pass);
    };
    offer_inference();
    add_historical_averaging(*this, "generator", o.generator.historical_averaging);
    add_historical_averaging(*this, "discriminator", o.discriminator.historical_averaging);
  }

  void prepare(Step& step) override {
    const bool weights = options_.discriminator.weight_normalization == "weight";
    if (!options_.quantizer.starts_from_data() && !weights && !discriminator_->minibatch) return;
    critic_.initialise(step.next("train"), Role::real, step);
  }

 private:
  void offer_inference() {
    generator = GeneratorAccess{biggan_latents(plan_), [this](Weights weights) {
                                  return open_biggan_generator(
                                      options_, plan_, weights == Weights::average ? average_ : generator_, numerics);
                                }};
    scorer = Scorer{[this](const Batch& batch, Pass& pass) { return critic_(batch, pass); }, plan_.classes,
                    options_.minibatch_discrimination.kernels > 0 ? options_.batch : 0};
  }

  Phase discriminator_phase() {
    Phase phase{"discriminator", "discriminator", {"discriminator"}};
    if (options_.share_fakes) phase.records = {"generator"};
    phase.repeats = options_.discriminator.steps;
    phase.accumulate = options_.accumulate;
    phase.gradients = [this](Step& step) { discriminator_gradients(step); };
    if (const auto strength = options_.discriminator.orthogonal; strength > 0)
      phase.before_update = [this, strength](Step&) { add_orthogonal_gradients(*discriminator_, strength); };
    return phase;
  }

  Phase generator_phase() {
    Phase phase{"generator", "generator", {"generator"}};
    phase.accumulate = options_.accumulate;
    phase.gradients = [this](Step& step) { generator_gradients(step); };
    if (const auto strength = options_.generator.orthogonal; strength > 0)
      phase.before_update = [this, strength](Step&) { add_orthogonal_gradients(*generator_, strength, "shared."); };
    return phase;
  }

  torch::Tensor labels_of(const Batch& batch) const { return plan_.classes ? batch.labels : torch::Tensor(); }

  Batch generate(Step& step) {
    const auto device = numerics.device;
    Batch fakes;
    const auto latents = step.normal(options_.batch, {plan_.latent}, "latents").to(device, numerics.parameters());
    if (plan_.classes) fakes.labels = step.integers(plan_.classes, options_.batch, {}, "labels").to(device);
    auto pass = step.pass({{Role::fake, latents.size(0)}});
    fakes.images = generator_->forward(latents, fakes.labels, pass);
    return fakes;
  }

  void discriminator_gradients(Step& step) {
    const auto at = step.at();
    const bool last = options_.share_fakes && at.repeat == options_.discriminator.steps - 1;
    Batch fakes;
    {
      torch::AutoGradMode recorded(last);
      fakes = generate(step);
    }
    if (last) step.hand_on(shared_fakes, {fakes.images, fakes.labels});
    const auto real = step.next("train");
    auto pass = step.pass({{Role::fake, fakes.images.size(0)}, {Role::real, real.images.size(0)}});
    const auto images = at::cat({fakes.images.detach(), real.images}).contiguous(at::MemoryFormat::ChannelsLast);
    const auto labels = plan_.classes ? at::cat({fakes.labels, real.labels}) : torch::Tensor();
    const auto logits = critic_({images, labels}, pass);
    const auto adversarial = adversarial_of(pass.rows_of(logits, Role::real), pass.rows_of(logits, Role::fake));
    step.backward(adversarial + pass.tap_loss());
    if (options_.discriminator.gradient_penalty > 0) penalise(step, real, fakes.images);
    step.report("loss/discriminator", adversarial.detach());
    step.report("logit/real", pass.rows_of(logits, Role::real).detach().mean());
    step.report("logit/fake", pass.rows_of(logits, Role::fake).detach().mean());
    step.report_taps(pass);
  }

  torch::Tensor adversarial_of(const torch::Tensor& real, const torch::Tensor& fake) const {
    const auto& targets = options_.label_smoothing.targets;
    return targets.smoothed() ? cross_entropy(real, fake, targets) : loss_.discriminator(real, fake);
  }

  void penalise(Step& step, const Batch& real, const torch::Tensor& fakes) {
    const auto type = numerics.parameters();
    const auto fraction = step.uniform(options_.batch, {}, "gradient penalty").to(numerics.device);
    const auto images = between(real.images.to(type), fakes.to(type), fraction);
    auto pass = step.penalty_pass({{Role::real, images.size(0)}}, type);
    const auto penalty = gradient_penalty(critic_({images, real.labels}, pass), images);
    step.backward(penalty * options_.discriminator.gradient_penalty);
    step.report("loss/gradient_penalty", penalty.detach());
  }

  Batch shared_or_new(Step& step) {
    if (!options_.share_fakes) return generate(step);
    const auto handed = step.take(shared_fakes);
    return {handed[0], handed[1]};
  }

  void generator_gradients(Step& step) {
    const Matched matched{matched_tap(), "matched"};
    const auto [objective, adversarial] =
        generator_objective(critic_, shared_or_new(step), options_.feature_matching, matched, step,
                            [this](const torch::Tensor& logits) { return loss_.generator(logits); });
    step.backward(objective);
    step.report("loss/generator", adversarial.detach());
  }

  std::string matched_tap() const {
    const auto& tap = options_.feature_matching.tap;
    return tap.empty() ? options_.taps(plan_).back().name : tap;
  }

  static constexpr const char* shared_fakes = "fakes of the last discriminator step";
  BigGanOptions options_;
  const AdversarialLoss& loss_;
  BigGanPlan plan_;
  BigGanGenerator generator_{nullptr}, average_{nullptr};
  BigGanDiscriminator discriminator_{nullptr};
  Critic critic_;
};

}  // namespace

std::unique_ptr<Family> BigGanOptions::make(const DataInfos& infos, const Numerics& numerics, Streams& initial) const {
  return std::make_unique<BigGan>(*this, main_info(infos), numerics, initial);
}

}  // namespace fqgan
