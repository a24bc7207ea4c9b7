// Films out and in again, by libwebp's own decoder. tests/end_to_end reads them with Pillow.
#ifdef FQGAN_DECODERS
#include "fqgan/data/images/webp_animation.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <webp/demux.h>

#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

struct Frame {
  at::Tensor pixels;  // uint8 4 x H x W
  int end;            // milliseconds
};

std::vector<Frame> frames_of(const std::string& file) {
  const WebPData data{reinterpret_cast<const uint8_t*>(file.data()), file.size()};
  const std::unique_ptr<WebPAnimDecoder, void (*)(WebPAnimDecoder*)> decoder(WebPAnimDecoderNew(&data, nullptr),
                                                                             WebPAnimDecoderDelete);
  WebPAnimInfo info;
  EXPECT_TRUE(decoder && WebPAnimDecoderGetInfo(decoder.get(), &info));
  EXPECT_EQ(info.loop_count, 0u);
  std::vector<Frame> frames;
  while (WebPAnimDecoderHasMoreFrames(decoder.get())) {
    uint8_t* bytes = nullptr;
    int end = 0;
    EXPECT_TRUE(WebPAnimDecoderGetNext(decoder.get(), &bytes, &end));
    const auto shared = at::from_blob(bytes, {info.canvas_height, info.canvas_width, 4}, at::kByte);
    frames.push_back({shared.permute({2, 0, 1}).clone(), end});
  }
  return frames;
}

TEST(WebpAnimation, FramesComeBackAsTheyWere) {
  for (const int64_t channels : {1, 3, 4}) {
    const auto images = at::randint(0, 256, {5, channels, 13, 7}, at::kByte);
    if (channels == 4) images.select(1, 3).clamp_(1);  // a decoder clears the colours of transparent pixels
    WebpAnimation film({.frames_per_second = 30, .lossless = true});
    for (int64_t i = 0; i < 5; ++i) film.add(images[i].transpose(1, 2));
    const auto frames = frames_of(film.finish());
    ASSERT_EQ(frames.size(), 5u);
    for (int64_t i = 0; i < 5; ++i) {
      const auto found = frames[static_cast<size_t>(i)].pixels.narrow(0, 0, channels == 4 ? 4 : 3);
      EXPECT_TRUE(found.equal(images[i].transpose(1, 2).expand_as(found))) << channels << " " << i;
    }
    EXPECT_EQ(frames[0].end, 33);
    EXPECT_EQ(frames[1].end, 67);
    EXPECT_EQ(frames[4].end, 167);
  }
}

TEST(WebpAnimation, RefusesWhatTheFormatCannotHold) {
  WebpAnimation film({});
  expect_error<UserError>([&] { film.add(at::zeros({3, 1, 16384}, at::kByte)); }, {"16383", "1 x 16384"});
  EXPECT_THROW(WebpAnimation({}).finish(), InternalError);
}

}  // namespace
}  // namespace fqgan::test
#endif
