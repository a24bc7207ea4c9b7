// The parts of the family interface that are the same for all.
#include "fqgan/models/family.h"

#include "fqgan/core/error.h"
#include "fqgan/nn/copy.h"

namespace fqgan {

Batch Numerics::batch(const torch::Tensor& pixels, const torch::Tensor& labels) const {
  const auto images = pixels.to(device, parameters()).div_(127.5).sub_(1);
  return {images.to(images.options().dtype(compute), false, false, at::MemoryFormat::ChannelsLast), labels.to(device)};
}

Pass Numerics::pass(Streams& random) const {
  Pass pass(random);
  pass.compute = compute;
  pass.twin = twin;
  return pass;
}

void Step::report_taps(const Pass& pass) {
  for (const auto& entry : pass.reports) {
    const auto prefix = "fq/" + entry.tap + "/" + role_name(entry.role) + "/";
    if (entry.loss.defined()) report(prefix + "loss", entry.loss.detach().mean());
    for (const auto& [figure, value] : entry.figures) report(prefix + figure, value);
  }
}

torch::Tensor Family::judge(const Batch&, Pass&) {
  fail("model", "this family has no discriminator that scores single images");
}

torch::Tensor Family::classify(const Batch&, Pass&) {
  fail("model", "this family has no classifier. Hint: family = \"improved\" trains one from few labels");
}

void FamilyOptions::require(const DataInfos& data) const {
  Problems problems;
  check(data, problems);
  if (problems.lines.empty()) return;
  std::string all;
  for (const auto& line : problems.lines) all += (all.empty() ? "" : "; ") + line;
  throw UserError(all);
}

std::unique_ptr<Family> FamilyOptions::build(const DataInfos& data, const Numerics& numerics, uint64_t seed) const {
  require(data);
  return make(data, numerics, seed);
}

void Family::place() {
  const auto place_one = [&](torch::nn::Module& module) {
    convert(module, numerics.parameters());
    module.to(numerics.device);
  };
  for (auto& [name, network] : networks) place_one(*network);
  for (auto& [name, average] : averages) place_one(*average.network);
}

}  // namespace fqgan
