// U-GAT-IT's outline: two translators against four discriminators, two shared streams, rho clipped after each step.
#include "fqgan/models/techniques/feature_quantization.h"
#include "stubs/families.h"
#include "stubs/options.h"

namespace fqgan::test {
namespace {

class UgatitStub : public Stub {
 public:
  UgatitStub(const StubOptions& options, const DataInfo&, const Numerics& n, Streams& initial)
      : Stub(options, n, initial) {
    for (const auto* name : {"generator_a2b", "generator_b2a"}) generators_.push_back(add<ToyTranslator>(name));
    for (const auto* name : {"global_a", "global_b", "local_a", "local_b"}) {
      const auto network = add<ToyDiscriminator>(name, int64_t{2});
      QuantizationOptions quantization;
      if (std::string(name).starts_with("global")) quantization.taps = {"block0"};
      quantization.codes = 8;
      attach_quantizers(*network->taps, quantization, initial_);
      critics_.push_back(critic(network, name));
    }
    optimizers = {{"generators", {{"generator_a2b", "generator_b2a"}, 1e-2, 0.5}},
                  {"discriminators", {{"global_a", "global_b", "local_a", "local_b"}, 1e-4, 0.5}}};
    streams = {{"a", {"a", batch_}}, {"b", {"b", batch_}}};
    phases = {discriminators(), generators()};
    translator = TranslatorAccess{
        {{"a2b", "a", "b"}, {"b2a", "b", "a"}}, [this](const std::string& direction, Weights) {
          const auto network = copied(*generators_[direction == "a2b" ? 0 : 1]);
          return Translator{[network](const torch::Tensor& x, Pass& pass) { return network->forward(x, pass).image; }};
        }};
    scorer = Scorer{[this](const Batch& batch, Pass& pass) { return critics_[1](batch, pass).mean(1); }};
    place();
  }

 private:
  Phase discriminators() {
    Phase d{"discriminators", "discriminators", {"global_a", "global_b", "local_a", "local_b"}};
    d.gradients = [this](Step& step) {
      const auto a = step.shared("a").images, b = step.shared("b").images;
      auto pass = step.pass({{Role::fake, a.size(0)}});
      auto loss = against(b, 1, step) + against(generators_[0]->forward(a, pass).image.detach(), 0, step);
      loss = loss + against(a, 1, step) + against(generators_[1]->forward(b, pass).image.detach(), 0, step);
      step.backward(loss);
      step.report("mean_pixel/discriminators", a.mean());
    };
    return d;
  }

  Phase generators() {
    Phase g{"generators", "generators", {"generator_a2b", "generator_b2a"}};
    g.gradients = [this](Step& step) {
      const auto a = step.shared("a").images, b = step.shared("b").images;
      auto pass = step.pass({{Role::fake, a.size(0)}});
      const auto fake_b = generators_[0]->forward(a, pass);
      const auto cycled = generators_[1]->forward(fake_b.image, pass), identity = generators_[0]->forward(b, pass);
      step.backward(against(fake_b.image, 1, step) + (cycled.image - a).abs().mean() * 10 +
                    (identity.image - b).abs().mean() * 10 + at::softplus(fake_b.cam).mean() +
                    0.3 * generators_[0]->rho.mean());
      step.report("mean_pixel/generators", a.mean());
    };
    g.after_update = [this](Step&) {
      torch::NoGradGuard no_grad;
      for (auto& generator : generators_) generator->rho.clamp_(0, 1);
    };
    return g;
  }

  torch::Tensor against(const torch::Tensor& images, double target, Step& step) {
    torch::Tensor loss;
    for (const auto& critic : critics_) {
      auto pass = step.pass({{target > 0 ? Role::real : Role::fake, images.size(0)}});
      const auto term = (critic({images, {}}, pass) - target).pow(2).mean() + pass.tap_loss();
      step.report_taps(pass);
      loss = loss.defined() ? loss + term : term;
    }
    return loss;
  }

  std::vector<std::shared_ptr<ToyTranslator>> generators_;
  std::vector<Critic> critics_;
};

struct UgatitStubOptions : OptionsOf<UgatitStub> {
  std::vector<DatasetRequest> datasets() const override { return {domain_images("A"), domain_images("B")}; }
};

}  // namespace

std::unique_ptr<FamilyOptions> ugatit_stub_options() { return std::make_unique<UgatitStubOptions>(); }

}  // namespace fqgan::test
