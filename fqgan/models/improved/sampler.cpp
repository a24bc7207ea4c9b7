#include "fqgan/models/improved/sampler.h"

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/models/traceable.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

class ImprovedSampler : public Sampler, public Traceable {
 public:
  ImprovedSampler(const ImprovedOptions& options, const ImprovedGenerator& source, const DataInfo& data,
                  Numerics numerics, SampleOptions request)
      : latent_(options.generator.latent), numerics_(numerics), request_(std::move(request)) {
    if (!request_.labels.empty()) fail("class", "this generator is unconditional: it has no classes");
    if (request_.truncation) fail("truncation", "this generator's latents are uniform: there is nothing to cut off");
    if (request_.latents.defined()) check_shape(request_.latents, {any, latent_}, "latents");
    Streams unused(0, {});
    generator_ = make_generator(options, data, unused);
    convert(*generator_, numerics.parameters());
    generator_->to(numerics.device);
    copy_state(source, *generator_);
    if (generator_->reference) collect_reference();
  }

  Images next(int64_t count) override {
    torch::NoGradGuard no_grad;
    const auto latents = draw(count);
    drawn_ += count;
    Streams random(request_.seed, Counters{drawn_, -1});
    auto pass = numerics_.pass(random);
    const auto images = generator_->forward(latents.to(numerics_.device, numerics_.parameters()), pass);
    return {images.to(torch::kCPU, torch::kFloat).contiguous(), {}};
  }

  TraceableSpace space() const override { return {latent_, 0, /*truncates=*/false, /*normal=*/false}; }
  torch::Tensor images(const torch::Tensor& latents, const torch::Tensor&, Pass& pass) override {
    return generator_->forward(latents, pass);
  }
  std::shared_ptr<torch::nn::Module> network() override { return generator_; }

 private:
  /// The moments of the reference batch under these weights.
  void collect_reference() {
    torch::NoGradGuard no_grad;
    Streams unused(0, {});
    auto pass = numerics_.pass(unused);
    pass.standing = 1;
    generator_->forward(generator_->reference->latents.narrow(0, 0, 1), pass);
  }

  /// Image i has its own stream, so that it is the same however many are drawn at a time.
  torch::Tensor draw(int64_t count) const {
    if (request_.latents.defined()) {
      if (drawn_ + count > request_.latents.size(0))
        fail("latents", "expected at least " + std::to_string(drawn_ + count) + " rows, got " +
                            std::to_string(request_.latents.size(0)));
      return request_.latents.narrow(0, drawn_, count);
    }
    std::vector<torch::Tensor> rows;
    for (int64_t i = 0; i < count; ++i)
      rows.push_back(Streams(request_.seed, Counters{drawn_ + i, -1}).uniform({latent_}, "latents"));
    return at::stack(rows);
  }

  std::shared_ptr<ImprovedGenerator> generator_;
  int64_t latent_, drawn_ = 0;
  Numerics numerics_;
  SampleOptions request_;
};

}  // namespace

std::unique_ptr<Sampler> improved_sampler(const ImprovedOptions& options, const ImprovedGenerator& generator,
                                          const DataInfo& data, const Numerics& numerics,
                                          const SampleOptions& request) {
  return std::make_unique<ImprovedSampler>(options, generator, data, numerics, request);
}

}  // namespace fqgan
