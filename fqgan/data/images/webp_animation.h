// Animated WebP by libwebp: lossy or lossless, with transparency, repeated without end.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace fqgan {

struct AnimationOptions {
  int64_t frames_per_second = 30;
  int64_t quality = 90;  // of lossy frames, 0 to 100
  bool lossless = false;
};

class WebpAnimation {
 public:
  /// Errors: UserError in a build without libwebp.
  explicit WebpAnimation(const AnimationOptions& options);
  ~WebpAnimation();
  /// A uint8 tensor C x H x W with C = 1, 3 or 4, all of one shape. Errors: UserError for an image that is too large.
  void add(const at::Tensor& pixels);
  /// The file. Needs at least one frame.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fqgan
