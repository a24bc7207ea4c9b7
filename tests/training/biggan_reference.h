// What tests/parity/fixtures/make_biggan_reference.py and biggan_reference_test.cpp must agree on: two small BigGANs,
// their data and seed.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "fqgan/core/streams.h"
#include "fqgan/data/dataset.h"
#include "fqgan/models/biggan/options.h"

namespace fqgan::test {

constexpr uint64_t reference_seed = 7;
constexpr int64_t reference_iterations = 10, reference_classes = 3, reference_images = 20;

inline BigGanOptions reference_options(const std::string& variant) {
  BigGanOptions options;
  options.batch = 4;
  options.spectral_epsilon = 1e-6;
  options.generator.width = options.discriminator.width = 2;
  options.discriminator.steps = 4;
  options.average.decay = 0.9;
  options.average.start = 0;
  options.quantizer.taps = {"block0", "block2"};
  options.quantizer.codes = 8;
  options.generator.adam.epsilon = options.discriminator.adam.epsilon = 1e-6;
  options.generator.latent = 6;
  options.generator.adam.learning_rate = options.discriminator.adam.learning_rate = 2e-3;
  options.initialisation = "normal";
  if (variant == "plain") return options;
  options.generator.latent = 11;  // five parts of 2; one is left out
  options.generator.hierarchical = true;
  options.generator.shared_embedding = 5;
  options.generator.width = options.discriminator.width = 1;
  options.generator.attention = {16};
  options.discriminator.attention = {4};
  options.generator.adam.learning_rate = 1e-3;
  options.discriminator.adam.learning_rate = 4e-3;
  options.quantizer.decay = 0.7;
  options.quantizer.commitment = 0.5;
  return options;
}

inline int64_t reference_size(const std::string& variant) { return variant == "plain" ? 32 : 64; }

/// Twenty images of noise.
class NoiseImages : public Dataset {
 public:
  explicit NoiseImages(int64_t size) {
    info_ = {reference_images, 3, size, size, reference_classes, {"a", "b", "c"}};
    pixels_ = Streams(1, {}).integers(256, {reference_images, 3, size, size}, "pixels").to(at::kByte);
  }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    const auto image = pixels_[index].permute({1, 2, 0}).contiguous();
    std::copy_n(image.const_data_ptr<uint8_t>(), image.numel(), pixels);
    return index % reference_classes;
  }
  std::string name(int64_t index) const override { return std::to_string(index); }
  std::string key() const override { return "noise"; }

 private:
  DataInfo info_;
  at::Tensor pixels_;
};

}  // namespace fqgan::test
