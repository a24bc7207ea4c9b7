// Images of noise, where a step is timed and nothing is learnt.
#pragma once

#include <algorithm>

#include "fqgan/core/streams.h"
#include "fqgan/data/dataset.h"

namespace fqgan {

class NoiseImages : public Dataset {
 public:
  NoiseImages(int64_t channels, int64_t height, int64_t width, int64_t classes) {
    constexpr int64_t images = 256;
    info_ = {images, channels, height, width, classes};
    for (int64_t c = 0; c < classes; ++c) info_.class_names.push_back(std::to_string(c));
    pixels_ = Streams(1, {}).integers(256, {images, height, width, channels}, "noise images").to(at::kByte);
  }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    const auto image = pixels_.select(0, index);
    std::copy_n(image.const_data_ptr<uint8_t>(), image.numel(), pixels);
    return info_.classes ? index % info_.classes : -1;
  }
  std::string name(int64_t index) const override { return "noise #" + std::to_string(index); }
  std::string key() const override { return "noise"; }

 private:
  DataInfo info_;
  at::Tensor pixels_;
};

}  // namespace fqgan
