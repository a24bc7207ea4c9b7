// A TorchScript file as a feature extractor: a module or function that maps uint8 N x 3 x H x W to features N x D, or
// to a tuple of features and logits N x classes. For the perceptual path length it must take float32 images too. The
// file is code that is run, so only use files from people you trust.
#pragma once

#include "fqgan/metrics/features.h"

namespace fqgan {

/// Its name is "file-" and the first 8 hex digits of the file's SHA-256. Errors: UserError for another kind of file;
/// extract() checks what the file returns.
std::unique_ptr<FeatureExtractor> open_torchscript(const std::string& path, c10::Device device);

}  // namespace fqgan
