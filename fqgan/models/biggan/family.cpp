// BigGAN's networks, optimizers and phases: D (several steps), then G. The quantizers' losses join both objectives, and
// in the G phase the frozen D still updates its state, as in the released FQ-GAN code.
#include <utility>

#include "fqgan/core/error.h"
#include "fqgan/losses/adversarial.h"
#include "fqgan/losses/feature_matching.h"
#include "fqgan/losses/gradient_penalty.h"
#include "fqgan/models/biggan/discriminator.h"
#include "fqgan/models/biggan/generator.h"
#include "fqgan/models/biggan/sampler.h"
#include "fqgan/models/historical_averaging.h"
#include "fqgan/nn/orthogonal.h"

namespace fqgan {
namespace {

class BigGan : public Family {
 public:
  BigGan(const BigGanOptions& o, const DataInfo& data, const Numerics& n, uint64_t seed)
      : options_(o), loss_(adversarial_loss(o.loss)), plan_(o.plan(data)) {
    numerics = n;
    classes = plan_.classes;
    if (o.minibatch_discrimination.kernels > 0) judged_together = o.batch;
    Streams random(seed, Counters{0, -1});
    generator_ = BigGanGenerator(options_, plan_, random);
    discriminator_ = BigGanDiscriminator(options_, plan_, random);
    average_ = BigGanGenerator(options_, plan_, random);
    networks = {{"generator", generator_.ptr()}, {"discriminator", discriminator_.ptr()}};
    optimizers = {{"generator", options_.generator.adam.spec({"generator"})},
                  {"discriminator", options_.discriminator.adam.spec({"discriminator"})}};
    averages = {{"generator", {"generator", average_.ptr(), o.average.decay, o.average.start, o.average.ramp}}};
    streams = {{"train", {"train", o.batch}}};
    if (o.feature_matching.weight > 0) streams["matched"] = {"train", o.batch};
    phases = {discriminator_phase(), generator_phase()};
    place();
    add_historical_averaging(*this, "generator", o.generator.historical_averaging);
    add_historical_averaging(*this, "discriminator", o.discriminator.historical_averaging);
  }

  void prepare(Step& step) override {
    const bool kmeans = !options_.quantizer.taps.empty() && options_.quantizer.initialisation == "kmeans";
    const bool by_data = options_.discriminator.weight_normalization == "weight";
    if (!kmeans && !by_data && !discriminator_->minibatch) return;
    torch::NoGradGuard no_grad;
    const auto batch = step.next("train");
    auto pass = step.pass({{Role::real, batch.images.size(0)}});
    pass.initialise = true;
    pass.update_state = false;
    discriminator_->forward(batch.images, labels_of(batch), pass);
  }

  std::unique_ptr<Sampler> sampler(const SampleOptions& request) override {
    return biggan_sampler(options_, plan_, request.average ? average_ : generator_, numerics, request);
  }

  torch::Tensor judge(const Batch& batch, Pass& pass) override {
    return discriminator_->forward(batch.images, labels_of(batch), pass);
  }

 private:
  struct Fakes {
    torch::Tensor images, labels;
  };

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

  Fakes generate(Step& step) {
    const auto device = numerics.device;
    Fakes fakes;
    const auto latents =
        step.random.normal({options_.batch, plan_.latent}, "latents").to(device, numerics.parameters());
    if (plan_.classes) fakes.labels = step.random.integers(plan_.classes, {options_.batch}, "labels").to(device);
    auto pass = step.pass({{Role::fake, options_.batch}});
    fakes.images = generator_->forward(latents, fakes.labels, pass);
    return fakes;
  }

  void discriminator_gradients(Step& step) {
    const auto at = step.at();
    const bool last = options_.share_fakes && at.repeat == options_.discriminator.steps - 1;
    Fakes fakes;
    {
      torch::AutoGradMode recorded(last);
      fakes = generate(step);
    }
    if (last) shared_.push_back(fakes);
    const auto real = step.next("train");
    auto pass = step.pass({{Role::fake, options_.batch}, {Role::real, real.images.size(0)}});
    const auto images = at::cat({fakes.images.detach(), real.images}).contiguous(at::MemoryFormat::ChannelsLast);
    const auto labels = plan_.classes ? at::cat({fakes.labels, real.labels}) : torch::Tensor();
    const auto logits = discriminator_->forward(images, labels, pass);
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

  /// In float32, through operators that can be differentiated twice; no state follows these images.
  void penalise(Step& step, const Batch& real, const torch::Tensor& fakes) {
    const auto type = numerics.parameters();
    const auto share = step.random.uniform({options_.batch}, "gradient penalty").to(numerics.device);
    const auto images = between(real.images.to(type), fakes.to(type), share);
    auto pass = step.pass({{Role::real, options_.batch}});
    pass.twin = true;
    pass.update_state = false;
    pass.compute = type;
    const auto penalty = gradient_penalty(discriminator_->forward(images, labels_of(real), pass), images);
    step.backward(penalty * options_.discriminator.gradient_penalty);
    step.report("loss/gradient_penalty", penalty.detach());
  }

  void generator_gradients(Step& step) {
    Fakes fakes;
    if (options_.share_fakes) {
      fakes = std::move(shared_.front());
      shared_.erase(shared_.begin());
    } else {
      fakes = generate(step);
    }
    const auto& matching = options_.feature_matching;
    const auto tap = matching.matched(options_.taps(plan_));
    auto pass = step.pass({{Role::fake, options_.batch}});
    if (matching.weight > 0) pass.keep = {tap};
    const auto logits = discriminator_->forward(fakes.images, fakes.labels, pass);
    const auto adversarial = loss_.generator(logits);
    auto objective = adversarial * matching.adversarial + pass.tap_loss();
    if (matching.weight > 0) {
      const auto distance = feature_matching(real_features(tap, step), pass.features.at(tap), matching.distance);
      objective = objective + distance * matching.weight;
      step.report("loss/feature_matching", distance.detach());
    }
    step.backward(objective);
    step.report("loss/generator", adversarial.detach());
  }

  /// What D makes of other real images, whose features the generated ones shall match: its state is only read.
  torch::Tensor real_features(const std::string& tap, Step& step) {
    torch::NoGradGuard no_grad;
    const auto real = step.next("matched");
    auto pass = step.pass({{Role::real, real.images.size(0)}});
    pass.update_state = false;
    pass.keep = {tap};
    discriminator_->forward(real.images, labels_of(real), pass);
    return pass.features.at(tap);
  }

  BigGanOptions options_;
  const AdversarialLoss& loss_;
  BigGanPlan plan_;
  BigGanGenerator generator_{nullptr}, average_{nullptr};
  BigGanDiscriminator discriminator_{nullptr};
  std::vector<Fakes> shared_;  // of the last D step, one a micro-batch; empty between iterations
};

}  // namespace

std::unique_ptr<Family> BigGanOptions::make(const DataInfos& infos, const Numerics& numerics, uint64_t seed) const {
  return std::make_unique<BigGan>(*this, main_info(infos), numerics, seed);
}

}  // namespace fqgan
