// Semi-supervised training ("Improved Techniques for Training GANs", section 5): D, whose K logits classify, plays
// against a generator that matches the mean of D's features. As openai/improved-gan's train_mnist_feature_matching.py.
#include "fqgan/core/error.h"
#include "fqgan/losses/feature_matching.h"
#include "fqgan/losses/semi_supervised.h"
#include "fqgan/models/improved/dense.h"
#include "fqgan/models/improved/sampler.h"

namespace fqgan {
namespace {

class Improved : public Family {
 public:
  Improved(const ImprovedOptions& o, const DataInfo& data, const Numerics& n, uint64_t seed)
      : options_(o), tap_(o.matched_tap()) {
    numerics = n;
    classifies = true;
    Streams random(seed, Counters{0, -1});
    generator_ = DenseGenerator(o.generator, data, random);
    discriminator_ = DenseDiscriminator(o.discriminator, data, random);
    average_ = DenseDiscriminator(o.discriminator, data, random);
    networks = {{"generator", generator_.ptr()}, {"discriminator", discriminator_.ptr()}};
    optimizers = {{"generator", o.generator.adam.spec({"generator"})},
                  {"discriminator", o.discriminator.adam.spec({"discriminator"})}};
    AverageSpec average{"discriminator", average_.ptr(), o.average.decay};
    average.corrected = o.average.corrected;
    averages = {{"discriminator", average}};
    streams = {
        {"labelled", {"labelled", o.batch, true}}, {"unlabelled", {"train", o.batch}}, {"matched", {"train", o.batch}}};
    phases = {phase("discriminator", &Improved::discriminator_gradients),
              phase("generator", &Improved::generator_gradients)};
    place();
  }

  void prepare(Step& step) override {
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> images;
    for (int64_t have = 0; have < options_.discriminator.initialise_on; have += options_.batch)
      images.push_back(step.next("unlabelled").images);
    if (images.empty()) return;
    const auto batch = at::cat(images);
    auto pass = step.pass({{Role::unlabelled, batch.size(0)}});
    pass.initialise = true;
    discriminator_->forward(batch, pass);
  }

  std::unique_ptr<Sampler> sampler(const SampleOptions& request) override {
    return improved_sampler(generator_, options_.generator.latent, numerics, request);
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

  torch::Tensor generate(Step& step) {
    const auto latents = step.random.uniform({options_.batch, options_.generator.latent}, "latents");
    auto pass = step.pass({{Role::fake, options_.batch}});
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
    const auto unsupervised =
        unsupervised_loss(pass.rows_of(logits, Role::unlabelled), pass.rows_of(logits, Role::fake));
    step.backward(supervised + options_.unlabelled_weight * unsupervised);
    step.report("loss/supervised", supervised.detach());
    step.report("loss/unsupervised", unsupervised.detach());
    step.report("error/labelled", of_labelled.detach().argmax(1).ne(labelled.labels).to(torch::kFloat).mean());
  }

  torch::Tensor features_of(const torch::Tensor& images, Role role, Step& step) {
    auto pass = step.pass({{role, images.size(0)}});
    pass.keep = {tap_};
    discriminator_->forward(images, pass);
    return pass.features.at(tap_);
  }

  void generator_gradients(Step& step) {
    torch::Tensor real;
    {
      torch::NoGradGuard no_grad;
      real = features_of(step.next("matched").images, Role::unlabelled, step);
    }
    const auto fake = features_of(generate(step), Role::fake, step);
    const auto loss = feature_matching(real, fake, options_.feature_matching.distance);
    step.backward(loss);
    step.report("loss/generator", loss.detach());
  }

  ImprovedOptions options_;
  std::string tap_;
  DenseGenerator generator_{nullptr};
  DenseDiscriminator discriminator_{nullptr}, average_{nullptr};
};

}  // namespace

std::unique_ptr<Family> ImprovedOptions::build(const DataInfo& data, const Numerics& numerics, uint64_t seed) const {
  Problems problems;
  check(data, problems);
  if (!problems.lines.empty()) fail("model", problems.lines.front());
  return std::make_unique<Improved>(*this, data, numerics, seed);
}

}  // namespace fqgan
