// A quantizer of five codes in float64, for tests.
#pragma once

#include "fqgan/nn/copy.h"
#include "fqgan/nn/feature_quantizer.h"

namespace fqgan::test {

inline constexpr int64_t K = 5, D = 3;

inline std::shared_ptr<FeatureQuantizer> quantizer(const std::string& mode = "loss_only",
                                                   const std::string& initialisation = "normal",
                                                   const std::string& average = "plain") {
  FeatureQuantizerOptions options;
  options.codes = K;
  options.mode = mode;
  options.commitment = 2.5;
  options.initialisation = initialisation;
  options.average = average;
  Streams random(5, {});
  auto layer = std::make_shared<FeatureQuantizer>(D, options, random);
  convert(*layer, torch::kDouble);
  return layer;
}

/// N x D x H x W -> N*H*W x D
inline torch::Tensor rows_of(const torch::Tensor& h) { return h.permute({0, 2, 3, 1}).reshape({-1, h.size(1)}); }

}  // namespace fqgan::test
