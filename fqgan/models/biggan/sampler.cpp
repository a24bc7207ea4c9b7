#include "fqgan/models/biggan/sampler.h"

#include <algorithm>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/models/traceable.h"
#include "fqgan/models/truncation.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

constexpr int64_t standing_batch = 500;          // images a forward while statistics are collected, at most
constexpr int64_t largest_activation = 1 << 26;  // numbers: networks that are larger take fewer images

int64_t standing_images_at_once(const BigGanPlan& plan) {
  int64_t largest = 1;  // of one image
  for (size_t b = 1; b < plan.generator.size(); ++b)
    largest = std::max(largest, plan.generator[b] * (plan.bottom_height << b) * (plan.bottom_width << b));
  return std::clamp<int64_t>(largest_activation / largest, 2, standing_batch);
}

class BigGanSampler : public Sampler, public Traceable {
 public:
  BigGanSampler(const BigGanOptions& options, const BigGanPlan& plan, const BigGanGenerator& source, Numerics numerics,
                SampleOptions request)
      : plan_(plan), numerics_(numerics), request_(std::move(request)), latent_(plan.latent) {
    for (const auto label : request_.labels) check_label(label);
    if (request_.latents.defined()) check_shape(request_.latents, {any, latent_}, "latents");
    Streams unused(0, {});
    auto quick = options;  // its initial weights are overwritten: no orthogonal ones
    quick.initialisation = "normal";
    generator_ = BigGanGenerator(quick, plan, unused);
    convert(*generator_, numerics.parameters());
    generator_->to(numerics.device);
    copy_state(*source, *generator_);
    if (options.average.standing_images > 0) collect_statistics(options.average.standing_images);
    if (generator_->reference) collect_reference();
  }

  Images next(int64_t count) override {
    torch::NoGradGuard no_grad;
    const auto latents = draw_latents(count), labels = draw_labels(count);
    drawn_ += count;
    Streams random(request_.seed, Counters{drawn_, -1});
    auto pass = numerics_.pass(random);
    return {generator_->forward(latents, labels, pass).to(torch::kCPU, torch::kFloat).contiguous(),
            labels.defined() ? labels.cpu() : labels};
  }

  TraceableSpace space() const override { return {latent_, plan_.classes, /*truncates=*/true, /*normal=*/true}; }
  torch::Tensor images(const torch::Tensor& latents, const torch::Tensor& labels, Pass& pass) override {
    return generator_->forward(latents, labels, pass);
  }
  std::shared_ptr<torch::nn::Module> network() override { return generator_.ptr(); }

 private:
  void check_label(int64_t label) const {
    if (!plan_.classes) fail("class", "this generator is unconditional: it has no classes");
    if (label < 0 || label >= plan_.classes)
      fail("class", "expected 0 to " + std::to_string(plan_.classes - 1) + ", got " + std::to_string(label));
  }

  torch::Tensor to_parameters(const torch::Tensor& latents) const {
    return latents.to(numerics_.device, numerics_.parameters());
  }

  /// Image i's own streams, so that it is the same whatever the batch size and however many are drawn.
  Streams of_image(int64_t i) const { return Streams(request_.seed, Counters{i, -1}); }

  torch::Tensor draw_latents(int64_t count) const {
    if (request_.latents.defined()) {
      if (drawn_ + count > request_.latents.size(0))
        fail("latents", "expected at least " + std::to_string(drawn_ + count) + " rows, got " +
                            std::to_string(request_.latents.size(0)));
      const auto given = request_.latents.narrow(0, drawn_, count);
      if (!request_.truncation) return to_parameters(given);
      return to_parameters(truncated_normal(given, at::scalar_tensor(*request_.truncation, at::kDouble)));
    }
    std::vector<torch::Tensor> rows;
    for (int64_t i = 0; i < count; ++i) rows.push_back(draw_latent(of_image(drawn_ + i)));
    return to_parameters(at::stack(rows));
  }

  /// Values beyond the truncation are drawn again (Brock et al. 2019, section 3.1): drawn from what remains of the
  /// normal distribution, by its inverse.
  torch::Tensor draw_latent(Streams random) const {
    if (!request_.truncation) return random.normal({latent_}, "latents");
    const double root = std::sqrt(2.), inside = std::erf(*request_.truncation / root);
    const auto share = random.uniform({latent_}, "latents").to(torch::kDouble) * 2 - 1;
    return (at::erfinv(share * inside) * root).clamp(-*request_.truncation, *request_.truncation).to(torch::kFloat);
  }

  torch::Tensor draw_labels(int64_t count) const {
    if (!plan_.classes) return {};
    std::vector<int64_t> labels(count);
    for (int64_t i = 0; i < count; ++i)
      labels[i] = request_.labels.empty() ? of_image(drawn_ + i).integers(plan_.classes, {1}, "labels").item<int64_t>()
                                          : request_.labels[(drawn_ + i) % request_.labels.size()];
    return torch::tensor(labels).to(numerics_.device);
  }

  /// The moments of the reference batch under these weights: an average's own.
  void collect_reference() {
    torch::NoGradGuard no_grad;
    Streams unused(request_.seed, Counters{0, -2});
    auto pass = numerics_.pass(unused);
    pass.standing = 1;
    const auto& reference = *generator_->reference;
    generator_->forward(to_parameters(reference.latents.narrow(0, 0, 1)),
                        plan_.classes ? reference.labels.narrow(0, 0, 1) : torch::Tensor(), pass);
  }

  /// The classes take turns, so that each has its share in the statistics.
  void collect_statistics(int64_t images) {
    torch::NoGradGuard no_grad;
    Streams random(request_.seed, Counters{0, -2});
    const auto at_once = standing_images_at_once(plan_);
    const auto batches = (images + at_once - 1) / at_once;
    for (int64_t b = 0; b < batches; ++b) {  // of equal size within one: each counts the same
      const auto done = images * b / batches, count = images * (b + 1) / batches - done;
      torch::Tensor labels;
      if (plan_.classes) labels = torch::arange(done, done + count).remainder(plan_.classes).to(numerics_.device);
      auto pass = numerics_.pass(random);
      pass.standing = b + 1;
      generator_->forward(to_parameters(random.normal({count, latent_}, "latents")), labels, pass);
    }
  }

  BigGanPlan plan_;
  Numerics numerics_;
  SampleOptions request_;
  int64_t latent_, drawn_ = 0;
  BigGanGenerator generator_{nullptr};
};

}  // namespace

std::unique_ptr<Sampler> biggan_sampler(const BigGanOptions& options, const BigGanPlan& plan,
                                        const BigGanGenerator& generator, const Numerics& numerics,
                                        const SampleOptions& request) {
  return std::make_unique<BigGanSampler>(options, plan, generator, numerics, request);
}

}  // namespace fqgan
