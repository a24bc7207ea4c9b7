// Semi-supervised training ("Improved Techniques for Training GANs", section 5). D classifies with K logits. The
// generator matches the mean of D's features, or has an adversarial loss while D uses minibatch discrimination. Matches
// openai/improved-gan's train_{mnist,cifar,svhn}_*.py.
#include "fqgan/core/error.h"
#include "fqgan/losses/semi_supervised.h"
#include "fqgan/models/critic.h"
#include "fqgan/models/improved/generation.h"
#include "fqgan/models/techniques/historical_averaging.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

class Improved : public Family {
 public:
  Improved(const ImprovedOptions& o, const DataInfo& data, const Numerics& n, Streams& initial)
      : options_(o), info_(data) {
    numerics = n;
    generator_ = make_generator(o, data, initial);
    discriminator_ = make_discriminator(o, data, initial);
    auto copied = Streams::unused();
    average_ = make_discriminator(o, data, copied);
    copy_state(*discriminator_, *average_);
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
    critic_.network = [this](const Batch& batch, Pass& pass) { return discriminator_->forward(batch.images, pass); };
    offer_inference();
    add_historical_averaging(*this, "generator", o.generator.historical_averaging);
    add_historical_averaging(*this, "discriminator", o.discriminator.historical_averaging);
  }

  void prepare(Step& step) override {
    torch::NoGradGuard no_grad;
    generate(step, /*initialise=*/true);
    const auto& from = options_.discriminator.initialise_from;
    const auto wanted = std::max(options_.discriminator.initialise_on,
                                 options_.quantizer.starts_from_data() ? options_.batch : int64_t{0});
    std::vector<torch::Tensor> images;
    for (int64_t have = 0; have < wanted; have += options_.batch) images.push_back(step.next(from).images);
    if (!images.empty())
      critic_.initialise({at::cat(images), {}}, from == "labelled" ? Role::labelled : Role::unlabelled, step);
  }

 private:
  void offer_inference() {
    generator = GeneratorAccess{improved_latents(options_), [this](Weights) {
                                  return open_improved_generator(options_, info_, *generator_, numerics);
                                }};
    const auto together = options_.minibatch_discrimination.kernels > 0 ? options_.batch : 0;
    scorer = Scorer{[this](const Batch& batch, Pass& pass) { return log_real(critic_(batch, pass)); }, 0, together};
    classifier = Scorer{[this](const Batch& batch, Pass& pass) { return average_->forward(batch.images, pass); },
                        info_.classes, together};
  }

  Phase phase(const std::string& name, void (Improved::*gradients)(Step&)) {
    Phase phase{name, name, {name}};
    phase.gradients = [this, gradients](Step& step) { (this->*gradients)(step); };
    return phase;
  }

  torch::Tensor generate(Step& step, bool initialise = false) {
    const auto latents = step.uniform(options_.batch, {options_.generator.latent}, "latents");
    auto pass = step.pass({{Role::fake, latents.size(0)}});
    pass.initialise = initialise;
    return generator_->forward(latents.to(numerics.device, numerics.parameters()), pass);
  }

  /// One forward for all three kinds of images equals three, because D treats each kind apart.
  void discriminator_gradients(Step& step) {
    torch::Tensor fakes;
    {
      torch::NoGradGuard no_grad;
      fakes = generate(step);
    }
    const auto labelled = step.next("labelled"), unlabelled = step.next("unlabelled");
    const auto n = step.rows(options_.batch);
    auto pass = step.pass({{Role::labelled, n}, {Role::unlabelled, n}, {Role::fake, n}});
    const auto logits = critic_({at::cat({labelled.images, unlabelled.images, fakes}), {}}, pass);
    const auto of_labelled = pass.rows_of(logits, Role::labelled);
    const auto supervised = supervised_loss(of_labelled, labelled.labels);
    const auto unsupervised = unsupervised_loss(pass.rows_of(logits, Role::unlabelled),
                                                pass.rows_of(logits, Role::fake), options_.label_smoothing.targets);
    step.backward(supervised + options_.unlabelled_weight * unsupervised + pass.tap_loss());
    step.report("loss/supervised", supervised.detach());
    step.report("loss/unsupervised", unsupervised.detach());
    step.report_taps(pass);
    step.report("error/labelled", of_labelled.detach().argmax(1).ne(labelled.labels).to(torch::kFloat).mean());
  }

  void generator_gradients(Step& step) {
    const auto& tap = options_.feature_matching.tap;
    const Matched matched{tap.empty() ? options_.taps().back().name : tap, "matched", Role::unlabelled};
    const auto objective = generator_objective(critic_, {generate(step), {}}, options_.feature_matching, matched, step,
                                               semi_supervised_generator_loss)
                               .objective;
    step.backward(objective);
    step.report("loss/generator", objective.detach());
  }

  ImprovedOptions options_;
  DataInfo info_;
  std::shared_ptr<ImprovedGenerator> generator_;
  std::shared_ptr<ImprovedDiscriminator> discriminator_, average_;
  Critic critic_;
};

}  // namespace

std::unique_ptr<Family> ImprovedOptions::make(const DataInfos& infos, const Numerics& numerics,
                                              Streams& initial) const {
  return std::make_unique<Improved>(*this, main_info(infos), numerics, initial);
}

}  // namespace fqgan
