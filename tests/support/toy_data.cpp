#include "support/toy_data.h"

#include "fqgan/core/streams.h"

namespace fqgan::test {

ToyData::ToyData(int64_t images, int64_t channels, int64_t size, int64_t classes)
    : info_{images, channels, size, size, classes, {}} {
  for (int64_t k = 0; k < classes; ++k) info_.class_names.push_back("class " + std::to_string(k));
}

int64_t ToyData::read(int64_t index, uint8_t* pixels) const {
  const int64_t label = info_.classes ? index % info_.classes : -1;
  const int64_t places = info_.height * info_.width;
  for (int64_t i = 0; i < places; ++i)
    for (int64_t c = 0; c < info_.channels; ++c)
      *pixels++ = static_cast<uint8_t>(mix_bits(17, "toy", {index, c * places + i}) % 128 + (label + 1) * 8);
  return label;
}

}  // namespace fqgan::test
