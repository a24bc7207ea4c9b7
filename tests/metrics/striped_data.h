// A data set that is easy to tell apart: noise, with one bright stripe whose place is the class.
#pragma once

#include "fqgan/core/streams.h"
#include "fqgan/data/dataset.h"

namespace fqgan::test {

class StripedData : public Dataset {
 public:
  StripedData(int64_t images, int64_t classes, int64_t channels = 1, int64_t size = 8)
      : info_{images, channels, size, size, classes, {}} {
    for (int64_t k = 0; k < classes; ++k) info_.class_names.push_back("stripe " + std::to_string(k));
  }
  const DataInfo& info() const override { return info_; }
  int64_t read(int64_t index, uint8_t* pixels) const override {
    const int64_t label = index % info_.classes;
    const int64_t places = info_.height * info_.width;
    for (int64_t i = 0; i < places; ++i) {
      const bool bright = i % info_.width == 2 * label;
      for (int64_t c = 0; c < info_.channels; ++c)
        *pixels++ = static_cast<uint8_t>(mix_bits(5, "striped", {index, c * places + i}) % 100 + (bright ? 140 : 0));
    }
    return label;
  }
  std::string name(int64_t index) const override { return "striped " + std::to_string(index); }
  std::string key() const override { return "striped-" + std::to_string(info_.images); }

 private:
  DataInfo info_;
};

}  // namespace fqgan::test
