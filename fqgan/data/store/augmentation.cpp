#include "fqgan/data/store/augmentation.h"

#include <algorithm>
#include <array>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"

namespace fqgan {
namespace {

// Mirrors an image of H x W x C in place. The number of channels is a template parameter, for speed.
template <int channels>
void mirror(uint8_t* pixels, const DataInfo& info) {
  using Pixel = std::array<uint8_t, channels>;
  auto* row = reinterpret_cast<Pixel*>(pixels);
  for (int64_t y = 0; y < info.height; ++y, row += info.width) std::reverse(row, row + info.width);
}

void mirror(uint8_t* pixels, const DataInfo& info) {
  switch (info.channels) {
    case 1:
      return mirror<1>(pixels, info);
    case 3:
      return mirror<3>(pixels, info);
    case 4:
      return mirror<4>(pixels, info);
  }
  FQGAN_CHECK(false, "1, 3 or 4 channels");
}

}  // namespace

Augmentation::Augmentation(const Dataset& dataset, bool flip, uint64_t seed, const std::string& stream)
    : dataset_(dataset), flip_(flip), seed_(seed), flip_key_("flip/" + stream), crop_key_("crop/" + stream) {}

int64_t Augmentation::read(int64_t epoch, int64_t index, uint8_t* pixels) const {
  int64_t label = 0;
  if (dataset_.crop_margin() > 0) {
    crop(epoch, index, pixels);
    label = dataset_.label(index);
  } else {
    label = dataset_.read(index, pixels);
  }
  if (flip_ && (mix_bits(seed_, flip_key_, {epoch, index}) & 1) != 0) mirror(pixels, dataset_.info());
  return label;
}

void Augmentation::crop(int64_t epoch, int64_t index, uint8_t* pixels) const {
  const auto& info = dataset_.info();
  const int64_t margin = dataset_.crop_margin(), line = (info.width + margin) * info.channels;
  std::vector<uint8_t> enlarged(static_cast<size_t>((info.height + margin) * line));
  dataset_.read_enlarged(index, enlarged.data());
  const auto place = [&](int64_t axis) {  // 0 to margin; the bias of the remainder of 64 bits is negligible
    return static_cast<int64_t>(mix_bits(seed_, crop_key_, {epoch, index, axis}) % static_cast<uint64_t>(margin + 1));
  };
  const auto* from = enlarged.data() + place(0) * line + place(1) * info.channels;
  for (int64_t y = 0; y < info.height; ++y, from += line)
    pixels = std::copy_n(from, info.width * info.channels, pixels);
}

}  // namespace fqgan
