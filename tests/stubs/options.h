// Options of the stubs: the batch, and what the data must be.
#pragma once

#include "fqgan/core/error.h"
#include "fqgan/models/critic.h"
#include "stubs/networks.h"

namespace fqgan::test {

struct StubOptions : FamilyOptions {
  StubOptions() { batch = 4; }
  void fields(FieldVisitor& visit) override { visit("batch", batch, about("images per step").at_least(1)); }
  void check(const DataInfos& infos, Problems& problems) const override {
    const auto& data = main_info(infos);
    if (data.height != toy_size || data.width != toy_size || data.channels != 1)
      problems.add("data.resolution", "expected 8 x 8 gray images");
  }
};

/// The options of family T, which is built from (options, data, numerics, initial).
template <class T>
struct OptionsOf : StubOptions {
 protected:
  std::unique_ptr<Family> make(const DataInfos& infos, const Numerics& numerics, Streams& initial) const override {
    return std::make_unique<T>(*this, main_info(infos), numerics, initial);
  }
};

/// What the stubs share.
class Stub : public Family {
 public:
  Stub(const StubOptions& options, const Numerics& n, Streams& initial) : batch_(options.batch), initial_(initial) {
    numerics = n;
  }

 protected:
  template <class T, class... Arguments>
  std::shared_ptr<T> add(const std::string& name, Arguments... arguments) {
    auto network = std::make_shared<T>(arguments..., initial_);
    networks.emplace(name, network);
    return network;
  }
  template <class T, class... Arguments>
  std::shared_ptr<T> average(const std::string& name, AverageSpec spec, Arguments... arguments) {
    auto network = std::make_shared<T>(arguments..., initial_);
    spec.of = name;
    spec.network = network;
    averages.emplace(name, std::move(spec));
    return network;
  }
  torch::Tensor latents(Step& step) const { return placed(step.normal(batch_, {toy_latent}, "latents")); }
  torch::Tensor placed(const torch::Tensor& x) const { return x.to(numerics.device, numerics.parameters()); }
  /// A copy of a network for inference.
  template <class T>
  std::shared_ptr<T> copied(const T& source) const {
    auto unused = Streams::unused();
    auto copy = std::make_shared<T>(unused);
    convert(*copy, numerics.parameters());
    move_to(*copy, numerics.device);
    copy_state(source, *copy);
    return copy;
  }
  /// A generator that is drawn from as it is.
  Generator drawn_by(const ToyGenerator& source, const LatentSpace& space) const {
    const auto network = copied(source);
    Generator opened{space, network};
    opened.images = [network](const Latents& latents, Pass& pass) { return network->forward(latents.z, pass); };
    return opened;
  }
  Batch fakes_of(ToyGenerator& generator, Step& step) const {
    const auto z = latents(step);
    auto pass = step.pass({{Role::fake, z.size(0)}});
    return {generator.forward(z, pass), {}};
  }
  Critic critic(const std::shared_ptr<ToyDiscriminator>& network, const std::string& name = "") const {
    return {[network](const Batch& batch, Pass& pass) { return network->forward(batch.images, pass); }, {}, name};
  }

  int64_t batch_;
  Streams initial_;
};

inline const DataInfo toy_images{12, 1, toy_size, toy_size, 3, {"a", "b", "c"}};
inline constexpr uint64_t toy_seed = 11;

}  // namespace fqgan::test
