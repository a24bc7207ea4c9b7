// Stands for the extractor of features that are there already. Only its name is used.
#pragma once

#include "fqgan/core/error.h"
#include "fqgan/metrics/features.h"

namespace fqgan {

class NamedFeatures : public FeatureExtractor {
 public:
  explicit NamedFeatures(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  std::string description() const override { return "as they are given"; }
  int64_t channels() const override { return 3; }
  Extracted extract(const at::Tensor&, bool) override { fail(name_, "these features cannot be extracted again"); }

 private:
  std::string name_;
};

}  // namespace fqgan
