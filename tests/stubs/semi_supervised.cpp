// The outline of semi-supervised learning: three streams, data-dependent initialisation, an average that classifies.
#include "stubs/families.h"
#include "stubs/options.h"

namespace fqgan::test {
namespace {

class SemiSupervisedStub : public Stub {
 public:
  SemiSupervisedStub(const StubOptions& options, const DataInfo& data, const Numerics& n, Streams& initial)
      : Stub(options, n, initial) {
    generator_ = add<ToyGenerator>("generator");
    classifier_ = add<DataInitialised>("classifier", data.classes);
    optimizers = {{"generator", {{"generator"}, 3e-3, 0.5}}, {"classifier", {{"classifier"}, 3e-3, 0.5}}};
    AverageSpec spec;
    spec.decay = 0.9;
    average_ = average<DataInitialised>("classifier", spec, data.classes);
    const auto batch = batch_;
    streams = {{"labelled", {"labelled", batch, true}},
               {"unlabelled_d", {"train", batch}},
               {"unlabelled_g", {"train", batch}}};
    Phase d{"classifier", "classifier", {"classifier"}}, g{"generator", "generator", {"generator"}};
    d.gradients = [this](Step& step) { classifier_gradients(step); };
    g.gradients = [this](Step& step) { generator_gradients(step); };
    phases = {d, g};
    critic_ = {[this](const Batch& images, Pass& pass) { return classifier_->forward(images.images, pass); }};
    generator = GeneratorAccess{{toy_latent}, [this](Weights) { return drawn_by(*generator_, {toy_latent}); }};
    scorer = Scorer{[this](const Batch& images, Pass& pass) { return at::logsumexp(critic_(images, pass), 1); }};
    classifier = Scorer{[this](const Batch& images, Pass& pass) { return average_->forward(images.images, pass); },
                        data.classes};
    place();
  }

  void prepare(Step& step) override { critic_.initialise(step.next("unlabelled_d"), Role::unlabelled, step); }

 private:
  void classifier_gradients(Step& step) {
    const auto labelled = step.next("labelled"), unlabelled = step.next("unlabelled_d");
    const auto fake = fakes_of(*generator_, step).images.detach();
    const auto rows = fake.size(0);
    auto pass = step.pass({{Role::labelled, rows}, {Role::unlabelled, rows}, {Role::fake, rows}});
    const auto logits = critic_({at::cat({labelled.images, unlabelled.images, fake}), {}}, pass);
    const auto z = at::logsumexp(logits, 1);
    const auto real = pass.rows_of(z, Role::unlabelled);
    step.backward(at::cross_entropy_loss(pass.rows_of(logits, Role::labelled), labelled.labels) - 0.5 * real.mean() +
                  0.5 * at::softplus(real).mean() + 0.5 * at::softplus(pass.rows_of(z, Role::fake)).mean());
  }

  void generator_gradients(Step& step) {  // feature matching: of means over the global batch
    const auto real = step.next("unlabelled_g").images, fake = fakes_of(*generator_, step).images;
    auto pass = step.pass({{Role::unlabelled, real.size(0)}, {Role::fake, fake.size(0)}});
    const auto features = critic_({at::cat({real, fake}), {}}, pass);
    step.backward((mean_over(pass.rows_of(features, Role::unlabelled).mean(0), step.ranks) -
                   mean_over(pass.rows_of(features, Role::fake).mean(0), step.ranks))
                      .pow(2)
                      .mean());
  }

  std::shared_ptr<ToyGenerator> generator_;
  std::shared_ptr<DataInitialised> classifier_, average_;
  Critic critic_;
};

struct SemiSupervisedStubOptions : OptionsOf<SemiSupervisedStub> {
  std::vector<DatasetRequest> datasets() const override { return {{"train"}, labelled_images()}; }
};

}  // namespace

std::unique_ptr<FamilyOptions> semi_supervised_stub_options() { return std::make_unique<SemiSupervisedStubOptions>(); }

}  // namespace fqgan::test
