// The least family that trains, resumes, samples, is scored, evaluated and exported: dense networks for images of any
// size, in one file that needs no other of the stubs. A template for a new family (docs/architecture.md).

#include "fqgan/losses/adversarial.h"
#include "fqgan/models/critic.h"
#include "fqgan/models/techniques/adam_options.h"
#include "fqgan/nn/copy.h"
#include "fqgan/nn/layers.h"
#include "stubs/families.h"

namespace fqgan::test {
namespace {

/// N x in -> N x out; all that a network draws at random comes from `random`, all that a forward must know from `pass`.
struct Dense : torch::nn::Module {
  Dense(int64_t in, int64_t out, Streams& random)
      : first(register_module("first", Linear(in, 64, true, WeightOptions{}, random))),
        last(register_module("last", Linear(64, out, true, WeightOptions{}, random))) {}
  torch::Tensor forward(const torch::Tensor& x, Pass& pass) {
    return last->forward(first->forward(x.to(pass.compute), pass, true), pass);
  }
  Linear first, last;
};

struct LeastOptions : FamilyOptions {
  AdamOptions adam{2e-4, 0.5};
  void fields(FieldVisitor& visit) override {  // the table [model] of a recipe
    visit("batch", batch, about("images per step").at_least(1));
    visit("adam", adam, about("both optimizers"));
  }
  void check(const DataInfos&, Problems&) const override {}  // every size fits

 protected:
  std::unique_ptr<Family> make(const DataInfos& data, const Numerics& numerics, Streams& initial) const override;
};

class Least : public Family {
 public:
  static constexpr int64_t latent = 8;
  Least(const LeastOptions& o, const DataInfo& data, const Numerics& n, Streams& initial)
      : batch_(o.batch), data_(data) {
    numerics = n;
    g_ = std::make_shared<Dense>(latent, pixels(), initial);
    d_ = std::make_shared<Dense>(pixels(), 1, initial);
    auto unused = Streams::unused();
    average_ = std::make_shared<Dense>(latent, pixels(), unused);  // becomes a copy of G when a training starts
    networks = {{"generator", g_}, {"discriminator", d_}};
    averages = {{"generator", {.of = "generator", .network = average_, .decay = 0.99}}};
    optimizers = {{"generator", o.adam.spec({"generator"})}, {"discriminator", o.adam.spec({"discriminator"})}};
    streams = {{"train", {"train", batch_}}};
    Phase d{"discriminator", "discriminator", {"discriminator"}}, g{"generator", "generator", {"generator"}};
    d.gradients = [this](Step& step) { discriminator_gradients(step); };
    g.gradients = [this](Step& step) { generator_gradients(step); };
    phases = {d, g};
    critic_.network = [this](const Batch& batch, Pass& pass) {
      return d_->forward(batch.images.flatten(1), pass).squeeze(1);
    };
    scorer = Scorer{critic_};
    generator = GeneratorAccess{{latent}, [this](Weights weights) { return opened(weights); }};
    place();  // last: everything to the device and the parameters' type
  }

 private:
  int64_t pixels() const { return data_.channels * data_.height * data_.width; }
  torch::Tensor images(Dense& network, const torch::Tensor& z, Pass& pass) const {
    return network.forward(z, pass).tanh().reshape({-1, data_.channels, data_.height, data_.width});
  }

  Generator opened(Weights weights) const {  // a copy, so that it stays as it is while the training goes on
    auto unused = Streams::unused();
    const auto network = std::make_shared<Dense>(latent, pixels(), unused);
    convert(*network, numerics.parameters());
    move_to(*network, numerics.device);
    copy_state(weights == Weights::average ? *average_ : *g_, *network);
    return {{latent}, network, [this, network](const Latents& l, Pass& pass) { return images(*network, l.z, pass); }};
  }

  Batch fakes(Step& step) {
    const auto z = step.normal(batch_, {latent}, "latents").to(numerics.device);
    auto pass = step.pass({{Role::fake, z.size(0)}});
    return {images(*g_, z, pass), {}};
  }

  void discriminator_gradients(Step& step) {
    const auto fake = fakes(step).images.detach(), real = step.next("train").images;
    auto pass = step.pass({{Role::fake, fake.size(0)}, {Role::real, real.size(0)}});
    const auto logits = critic_({torch::cat({fake, real}), {}}, pass).to(numerics.parameters());
    const auto loss = loss_.discriminator(pass.rows_of(logits, Role::real), pass.rows_of(logits, Role::fake));
    step.report("loss/discriminator", loss.detach());
    step.backward(loss);
  }

  void generator_gradients(Step& step) {
    const auto fake = fakes(step);
    auto pass = step.pass({{Role::fake, fake.images.size(0)}});
    const auto loss = loss_.generator(critic_(fake, pass).to(numerics.parameters()));
    step.report("loss/generator", loss.detach());
    step.backward(loss);
  }

  int64_t batch_;
  DataInfo data_;
  const AdversarialLoss& loss_ = adversarial_loss("hinge");
  std::shared_ptr<Dense> g_, average_, d_;
  Critic critic_;
};

std::unique_ptr<Family> LeastOptions::make(const DataInfos& data, const Numerics& numerics, Streams& initial) const {
  return std::make_unique<Least>(*this, main_info(data), numerics, initial);
}

}  // namespace

std::unique_ptr<FamilyOptions> least_stub_options() { return std::make_unique<LeastOptions>(); }

}  // namespace fqgan::test
