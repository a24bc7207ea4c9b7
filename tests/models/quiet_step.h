// A step without a loop: passes that train, and reports that are kept.
#pragma once

#include <map>

#include "fqgan/models/family.h"

namespace fqgan::test {

struct QuietStep : Step {
  QuietStep() : Step(Streams(1, {})) {}
  Batch next(const std::string&) override { return {}; }
  Batch shared(const std::string&) override { return {}; }
  Pass pass(std::vector<Segment> segments) override {
    Pass pass(random);
    pass.training = pass.update_state = true;
    pass.segments = std::move(segments);
    return pass;
  }
  void backward(const torch::Tensor&) override {}
  void report(const std::string& name, const torch::Tensor& value) override { reported[name] = value.item<double>(); }
  void hand_on(const std::string&, std::vector<torch::Tensor>) override {}
  std::vector<torch::Tensor> take(const std::string&) override { return {}; }
  std::map<std::string, double> reported;
};

}  // namespace fqgan::test
