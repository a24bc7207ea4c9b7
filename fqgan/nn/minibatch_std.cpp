#include "fqgan/nn/minibatch_std.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

#include "fqgan/core/error.h"

namespace fqgan {

at::Tensor with_minibatch_std(const at::Tensor& x, int64_t group, int64_t channels) {
  const auto n = x.size(0), height = x.size(2), width = x.size(3), size = std::min(group, n);
  if (size < 1 || n % size)
    fail("minibatch standard deviation",
         "expected a number of images that groups of " + std::to_string(size) + " divide, got " + std::to_string(n));
  FQGAN_CHECK(channels >= 1 && x.size(1) % channels == 0, "expected channels of the deviation that divide those of x");
  const auto groups = x.reshape({size, -1, channels, x.size(1) / channels, height, width});
  const auto variance = (groups - groups.mean(0, true)).square().mean(0);
  const auto deviation = (variance + 1e-8).sqrt().mean({2, 3, 4});  // N / G x channels
  const auto spread = deviation.reshape({-1, channels, 1, 1}).repeat({size, 1, height, width});
  return at::cat({x, spread}, 1);
}

}  // namespace fqgan
