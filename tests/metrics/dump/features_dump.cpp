// Features of images from a file, for the comparison with other tools in tests/parity:
//   fqgan_features_dump IN.safetensors FEATURES WEIGHTS CONVENTION PRECISION OUT.safetensors
// IN has `images`, uint8 N x 3 x H x W. OUT gets `features` and, if there are any, `logits`. With FEATURES "input", OUT
// gets what the convention makes of the images for Inception: `input`, float32 N x 3 x 299 x 299.
#include <iostream>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/feature_table.h"

int main(int argc, char** argv) try {
  if (argc != 7) {
    std::cerr << "expected IN FEATURES WEIGHTS CONVENTION PRECISION OUT\n";
    return 2;
  }
  const std::string features = argv[2];
  const auto images =
      fqgan::load_checkpoint(argv[1], false).tensors.at("images").contiguous(at::MemoryFormat::ChannelsLast);
  fqgan::Checkpoint out;
  if (features == "input") {
    out.tensors["input"] = fqgan::network_input(images, fqgan::convention_named(argv[4], "dump").input).contiguous();
  } else {
    fqgan::FeatureRequest request{features, std::string(argv[3]), {}, argv[5]};
    if (features.starts_with("inception")) request.convention = argv[4];
    const auto extractor = fqgan::open_features(fqgan::resolved(request, false), nullptr, c10::kCPU);
    const auto found = extractor->extract(images, true);
    out.tensors["features"] = found.features;
    if (found.logits.defined()) out.tensors["logits"] = found.logits;
    out.metadata["name"] = extractor->name();
  }
  fqgan::save_checkpoint(argv[6], out);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 2;
}
