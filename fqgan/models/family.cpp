// The parts of the family interface that are the same for all.
#include "fqgan/models/family.h"

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/nn/copy.h"

namespace fqgan {

Batch Numerics::batch(const torch::Tensor& pixels, const torch::Tensor& labels) const {
  const auto images = pixels.to(device, parameters()).div_(127.5).sub_(1);
  return {images.to(images.options().dtype(compute), false, false, at::MemoryFormat::ChannelsLast), labels.to(device)};
}

Pass Numerics::pass(Streams& random) const {
  Pass pass(random);
  pass.compute = compute;
  pass.reference_operators = reference_operators;
  return pass;
}

namespace {

std::vector<int64_t> global_shape(int64_t rows, at::IntArrayRef row) {
  std::vector<int64_t> shape{rows};
  shape.insert(shape.end(), row.begin(), row.end());
  return shape;
}

}  // namespace

torch::Tensor Step::normal(int64_t rows, at::IntArrayRef row, const std::string& name) {
  return part_of(random.normal(global_shape(rows, row), name), ranks);
}

torch::Tensor Step::uniform(int64_t rows, at::IntArrayRef row, const std::string& name) {
  return part_of(random.uniform(global_shape(rows, row), name), ranks);
}

torch::Tensor Step::integers(int64_t below, int64_t rows, at::IntArrayRef row, const std::string& name) {
  return part_of(random.integers(below, global_shape(rows, row), name), ranks);
}

Pass Step::penalty_pass(std::vector<Segment> segments, at::ScalarType compute) {
  auto own = pass(std::move(segments));
  own.penalty = true;
  own.update_state = false;
  own.compute = compute;
  return own;
}

void Step::report_taps(const Pass& pass) {
  for (const auto& entry : pass.reports) {
    const auto prefix = "fq/" + entry.tap + "/" + role_name(entry.role) + "/";
    if (entry.loss.defined()) report(prefix + "loss", entry.loss.detach().mean());
    if (!entry.log_entries) continue;
    for (const auto& [name, value] : entry.log_entries()) report(prefix + name, value);
  }
}

Problems FamilyOptions::problems(const DataInfos& data) const {
  Problems problems;
  check(data, problems);
  if (const auto images = main_info(data).images; batch > images)
    problems.add("model.batch", "expected at most the number of images (" + std::to_string(images) + "), got " +
                                    std::to_string(batch));
  return problems;
}

void FamilyOptions::require(const DataInfos& data) const {
  const auto found = problems(data);
  if (!found.lines.empty()) throw UserError(join(found.lines, "; "));
}

std::unique_ptr<Family> FamilyOptions::build(const DataInfos& data, const Numerics& numerics,
                                             std::optional<uint64_t> seed) const {
  require(data);
  auto initial = seed ? Streams::initial(*seed) : Streams::unused();
  auto family = make(data, numerics, initial);
  FQGAN_CHECK(family->numerics.compute == numerics.compute && family->numerics.device == numerics.device,
              "the numerics of a family cannot change after it is built");
  family->check_names();
  return family;
}

void Family::check_names() const {
  const auto network = [&](const std::string& who, const std::string& name) {
    FQGAN_CHECK(networks.count(name), who + " names a network '" + name + "' that the family does not have");
  };
  for (const auto& [name, spec] : optimizers)
    for (const auto& of : spec.networks) network("optimizer '" + name + "'", of);
  for (const auto& [name, spec] : averages) {
    network("average '" + name + "'", spec.of);
    FQGAN_CHECK(spec.network, "average '" + name + "' has no network");
  }
  for (const auto& phase : phases) {
    const auto who = "phase '" + phase.name + "'";
    FQGAN_CHECK(phase.gradients, who + " has no gradients");
    FQGAN_CHECK(optimizers.count(phase.optimizer),
                who + " names an optimizer '" + phase.optimizer + "' that the family does not have");
    for (const auto& of : phase.trains) network(who, of);
    for (const auto& of : phase.records) network(who, of);
  }
}

void Family::place() {
  const auto place_one = [&](torch::nn::Module& module) {
    convert(module, numerics.parameters());
    move_to(module, numerics.device);
  };
  for (auto& [name, network] : networks) place_one(*network);
  for (auto& [name, average] : averages) place_one(*average.network);
}

}  // namespace fqgan
