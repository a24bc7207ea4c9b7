#include "fqgan/nn/taps.h"

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"

namespace fqgan {

Taps::Taps(std::vector<TapPoint> points) : points_(std::move(points)) {}

int64_t Taps::channels(const std::string& point) const {
  std::vector<std::string> known;
  for (const auto& candidate : points_) {
    if (candidate.name == point) return candidate.channels;
    known.push_back(candidate.name);
  }
  fail("taps", "there is no tap '" + point + "'; this network has " + (known.empty() ? "none" : quoted_list(known)));
}

void Taps::attach(const std::string& point, std::shared_ptr<TapModule> module) {
  channels(point);
  int64_t already = 0;
  bool owned = false;
  for (const auto& [name, other] : modules_) {
    already += name == point;
    owned |= other == module;
  }
  if (!owned) register_module(already ? point + "_" + std::to_string(already) : point, module);
  modules_.emplace_back(point, std::move(module));
}

torch::Tensor Taps::operator()(const char* point, torch::Tensor h, Pass& pass) {
  if (pass.keep.count(point)) pass.features[point] = h;
  for (auto& [name, module] : modules_) {
    if (name != point) continue;
    auto replaced = module->apply(pass.network.empty() ? name : pass.network + "/" + name, h, pass);
    FQGAN_CHECK(replaced.sizes() == h.sizes(), "a tap module changed the shape of its features");
    h = std::move(replaced);
  }
  return h;
}

}  // namespace fqgan
