#include "fqgan/data/images/webp_animation.h"

#include <cmath>
#include <new>

#include "fqgan/core/error.h"

#ifdef FQGAN_DECODERS
#include <webp/encode.h>
#include <webp/mux.h>

namespace fqgan {

struct WebpAnimation::State {
  AnimationOptions options;
  WebPConfig config{};
  std::unique_ptr<WebPAnimEncoder, void (*)(WebPAnimEncoder*)> encoder{nullptr, WebPAnimEncoderDelete};
  int64_t frames = 0;

  /// When this frame begins, in milliseconds.
  int begin(int64_t frame) const {
    return static_cast<int>(
        std::llround(1000. * static_cast<double>(frame) / static_cast<double>(options.frames_per_second)));
  }
  void open(int64_t height, int64_t width) {
    constexpr int64_t most = WEBP_MAX_DIMENSION;
    if (height > most || width > most)
      fail("webp", "expected images of up to " + std::to_string(most) + " x " + std::to_string(most) + " pixels, got " +
                       std::to_string(height) + " x " + std::to_string(width));
    WebPAnimEncoderOptions settings;
    FQGAN_CHECK(WebPAnimEncoderOptionsInit(&settings), "libwebp has another version than its headers");
    settings.anim_params.loop_count = 0;  // without end
    encoder.reset(WebPAnimEncoderNew(static_cast<int>(width), static_cast<int>(height), &settings));
    if (!encoder) throw std::bad_alloc();
  }
  void check(int success) const {
    if (!success) throw SystemError(std::string("[webp] cannot encode: ") + WebPAnimEncoderGetError(encoder.get()));
  }
};

WebpAnimation::WebpAnimation(const AnimationOptions& options) : state_(std::make_unique<State>()) {
  state_->options = options;
  FQGAN_CHECK(WebPConfigInit(&state_->config), "libwebp has another version than its headers");
  state_->config.quality = static_cast<float>(options.lossless ? 75 : options.quality);  // lossless: the effort
  state_->config.lossless = options.lossless;
  state_->config.exact = options.lossless;  // keeps the colours of transparent pixels
}

WebpAnimation::~WebpAnimation() = default;

void WebpAnimation::add(const at::Tensor& pixels) {
  const int64_t channels = pixels.size(0), height = pixels.size(1), width = pixels.size(2);
  if (!state_->encoder) state_->open(height, width);
  const auto colours = channels == 1 ? pixels.expand({3, height, width}) : pixels;
  const auto bytes = colours.permute({1, 2, 0}).contiguous();  // H x W x C
  WebPPicture picture;
  FQGAN_CHECK(WebPPictureInit(&picture), "libwebp has another version than its headers");
  const std::unique_ptr<WebPPicture, void (*)(WebPPicture*)> owner(&picture, WebPPictureFree);
  picture.use_argb = 1;
  picture.width = static_cast<int>(width);
  picture.height = static_cast<int>(height);
  const auto import = channels == 4 ? WebPPictureImportRGBA : WebPPictureImportRGB;
  if (!import(&picture, bytes.const_data_ptr<uint8_t>(), static_cast<int>(width * bytes.size(2))))
    throw std::bad_alloc();
  state_->check(WebPAnimEncoderAdd(state_->encoder.get(), &picture, state_->begin(state_->frames++), &state_->config));
}

std::string WebpAnimation::finish() {
  FQGAN_CHECK(state_->encoder, "an animation without frames");
  state_->check(WebPAnimEncoderAdd(state_->encoder.get(), nullptr, state_->begin(state_->frames), nullptr));
  WebPData data;
  WebPDataInit(&data);
  state_->check(WebPAnimEncoderAssemble(state_->encoder.get(), &data));
  std::string file(reinterpret_cast<const char*>(data.bytes), data.size);
  WebPDataClear(&data);
  return file;
}

}  // namespace fqgan
#else
namespace fqgan {

struct WebpAnimation::State {};
WebpAnimation::WebpAnimation(const AnimationOptions&) {
  fail("--out", "this build cannot write WebP. Hint: build with -DFQGAN_DECODERS=ON, or write PNG");
}
WebpAnimation::~WebpAnimation() = default;
void WebpAnimation::add(const at::Tensor&) {}
std::string WebpAnimation::finish() { return {}; }

}  // namespace fqgan
#endif
