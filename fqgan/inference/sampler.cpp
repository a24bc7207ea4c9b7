#include "fqgan/inference/sampler.h"

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/inference/chunks.h"
#include "fqgan/inference/latent_sampler.h"

namespace fqgan {
namespace {

class FromLatents : public Sampler {
 public:
  FromLatents(const Family& family, SampleOptions options)
      : sampler_(family.generator->open(options.weights), family.numerics), options_(std::move(options)) {}
  SampledImages next(int64_t count) override {
    auto images = sampler_.images(options_, drawn_, count);
    drawn_ += count;
    return images;
  }

 private:
  LatentSampler sampler_;
  SampleOptions options_;
  int64_t drawn_ = 0;
};

class FromImages : public Sampler {
 public:
  FromImages(const Family& family, const SampleOptions& options)
      : numerics_(family.numerics),
        translator_(
            family.translator->open(direction_named(*family.translator, options.direction).name, options.weights)),
        source_(*options.source) {}
  SampledImages next(int64_t count) override {
    torch::NoGradGuard no_grad;
    if (const auto known = source_.info().images; taken_ + count > known)
      fail("source",
           "expected at least " + std::to_string(taken_ + count) + " source images, found " + std::to_string(known));
    const auto pixels = read_chunk(source_, {taken_, count, 0});
    taken_ += count;
    auto random = Streams::unused();
    auto pass = numerics_.pass(random);
    const auto batch = numerics_.batch(pixels.images, pixels.labels);
    return {translator_.images(batch.images, pass).to(torch::kCPU, torch::kFloat).contiguous(), {}};
  }

 private:
  Numerics numerics_;
  Translator translator_;
  const Dataset& source_;
  int64_t taken_ = 0;
};

}  // namespace

const Direction& direction_named(const TranslatorAccess& translator, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& direction : translator.directions) {
    if (name.empty() || direction.name == name) return direction;
    names.push_back(direction.name);
  }
  fail("direction", "expected one of " + quoted_list(names) + ", got '" + name + "'" + suggestion(name, names));
}

void check_sampling(const Family& family, const SampleOptions& options) {
  if (family.generator) return check_drawing(family.generator->space, options);
  if (!family.translator) fail("sample", "this family does not generate images");
  if (!options.source)
    fail("source", "expected source images for a model that translates images, got none. Hint: use --source IMAGES");
  if (!options.labels.empty()) fail("class", "this model translates images and has no classes");
  if (options.truncation || options.truncation_cutoff)
    fail("truncation", "this model translates images and has no latents to truncate");
  if (options.latents.defined() || options.mapped.defined() || !options.seeds.empty())
    fail("latents", "this model translates images and takes no latents");
  direction_named(*family.translator, options.direction);
}

std::unique_ptr<Sampler> open_sampler(const Family& family, const SampleOptions& options) {
  check_sampling(family, options);
  if (family.generator) return std::make_unique<FromLatents>(family, options);
  return std::make_unique<FromImages>(family, options);
}

}  // namespace fqgan
