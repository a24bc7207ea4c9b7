// Semi-supervised training ("Improved Techniques for Training GANs", section 5): D, whose K logits classify, plays
// against a generator that matches the mean of D's features, or that plays the adversarial game while D sees how close
// the images of a batch are. As openai/improved-gan's train_{mnist,cifar,svhn}_*.py.
#include "fqgan/core/error.h"
#include "fqgan/losses/feature_matching.h"
#include "fqgan/losses/semi_supervised.h"
#include "fqgan/models/historical_averaging.h"
#include "fqgan/models/improved/networks.h"
#include "fqgan/models/improved/sampler.h"

namespace fqgan {
namespace {

class Improved : public Family {
 public:
  Improved(const ImprovedOptions& o, const DataInfo& data, const Numerics& n, uint64_t seed)
      : options_(o), info_(data), tap_(o.feature_matching.matched(o.taps())) {
    numerics = n;
    classifies = true;
    if (o.minibatch_discrimination.kernels > 0) judged_together = o.batch;
    Streams random(seed, Counters{0, -1});
    generator_ = make_generator(o, data, random);
    discriminator_ = make_discriminator(o, data, random);
    average_ = make_discriminator(o, data, random);
    networks = {{"generator", generator_}, {"discriminator", discriminator_}};
    optimizers = {{"generator", o.generator.adam.spec({"generator"})},
                  {"discriminator", o.discriminator.adam.spec({"discriminator"})}};
    AverageSpec average{"discriminator", average_, o.average.decay};
    average.corrected = o.average.corrected;
    averages = {{"discriminator", average}};
    streams = {{"labelled", {"labelled", o.batch, true}}, {"unlabelled", {"train", o.batch}}};
    if (o.feature_matching.weight > 0) streams["matched"] = {"train", o.batch};
    phases = {phase("discriminator", &Improved::discriminator_gradients),
              phase("generator", &Improved::generator_gradients)};
    phases.back().repeats = o.generator.steps;
    place();
    add_historical_averaging(*this, "generator", o.generator.historical_averaging);
    add_historical_averaging(*this, "discriminator", o.discriminator.historical_averaging);
  }

  void prepare(Step& step) override {
    torch::NoGradGuard no_grad;
    generate(step, /*initialise=*/true);
    const auto& from = options_.discriminator.initialise_from;
    std::vector<torch::Tensor> images;
    for (int64_t have = 0; have < options_.discriminator.initialise_on; have += options_.batch)
      images.push_back(step.next(from).images);
    if (images.empty()) return;
    const auto batch = at::cat(images);
    auto pass = step.pass({{from == "labelled" ? Role::labelled : Role::unlabelled, batch.size(0)}});
    pass.initialise = true;
    discriminator_->forward(batch, pass);
  }

  std::unique_ptr<Sampler> sampler(const SampleOptions& request) override {
    return improved_sampler(options_, *generator_, info_, numerics, request);
  }

  torch::Tensor judge(const Batch& batch, Pass& pass) override {
    return log_real(discriminator_->forward(batch.images, pass));
  }

  torch::Tensor classify(const Batch& batch, Pass& pass) override { return average_->forward(batch.images, pass); }

 private:
  Phase phase(const std::string& name, void (Improved::*gradients)(Step&)) {
    Phase phase{name, name, {name}};
    phase.gradients = [this, gradients](Step& step) { (this->*gradients)(step); };
    return phase;
  }

  torch::Tensor generate(Step& step, bool initialise = false) {
    const auto latents = step.random.uniform({options_.batch, options_.generator.latent}, "latents");
    auto pass = step.pass({{Role::fake, options_.batch}});
    pass.initialise = initialise;
    return generator_->forward(latents.to(numerics.device, numerics.parameters()), pass);
  }

  /// D's rows do not meet: one forward for all three kinds is what three would give.
  void discriminator_gradients(Step& step) {
    torch::Tensor fakes;
    {
      torch::NoGradGuard no_grad;
      fakes = generate(step);
    }
    const auto labelled = step.next("labelled"), unlabelled = step.next("unlabelled");
    const auto n = options_.batch;
    auto pass = step.pass({{Role::labelled, n}, {Role::unlabelled, n}, {Role::fake, n}});
    const auto logits = discriminator_->forward(at::cat({labelled.images, unlabelled.images, fakes}), pass);
    const auto of_labelled = pass.rows_of(logits, Role::labelled);
    const auto supervised = supervised_loss(of_labelled, labelled.labels);
    const auto unsupervised = unsupervised_loss(pass.rows_of(logits, Role::unlabelled),
                                                pass.rows_of(logits, Role::fake), options_.label_smoothing.targets);
    step.backward(supervised + options_.unlabelled_weight * unsupervised);
    step.report("loss/supervised", supervised.detach());
    step.report("loss/unsupervised", unsupervised.detach());
    step.report("error/labelled", of_labelled.detach().argmax(1).ne(labelled.labels).to(torch::kFloat).mean());
  }

  /// Mean features are compared at a tap; logits come with them.
  torch::Tensor judged(const torch::Tensor& images, Pass& pass) {
    pass.keep = {tap_};
    return discriminator_->forward(images, pass);
  }

  void generator_gradients(Step& step) {
    const auto& matching = options_.feature_matching;
    auto pass = step.pass({{Role::fake, options_.batch}});
    const auto adversarial = semi_supervised_generator_loss(judged(generate(step), pass));
    auto objective = adversarial * matching.adversarial;
    if (matching.weight > 0) {
      const auto distance = feature_matching(real_features(step), pass.features.at(tap_), matching.distance);
      objective = matching.adversarial > 0 ? objective + distance * matching.weight : distance * matching.weight;
      step.report("loss/feature_matching", distance.detach());
    }
    step.backward(objective);
    step.report("loss/generator", objective.detach());
  }

  torch::Tensor real_features(Step& step) {
    torch::NoGradGuard no_grad;
    auto pass = step.pass({{Role::unlabelled, options_.batch}});
    judged(step.next("matched").images, pass);
    return pass.features.at(tap_);
  }

  ImprovedOptions options_;
  DataInfo info_;
  std::string tap_;
  std::shared_ptr<ImprovedGenerator> generator_;
  std::shared_ptr<ImprovedDiscriminator> discriminator_, average_;
};

}  // namespace

std::unique_ptr<Family> ImprovedOptions::make(const DataInfos& infos, const Numerics& numerics, uint64_t seed) const {
  return std::make_unique<Improved>(*this, main_info(infos), numerics, seed);
}

}  // namespace fqgan
