#include "fqgan/data/store/prepare.h"

#include <algorithm>
#include <mutex>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/parallel.h"

namespace fqgan {
namespace {

const std::string& name_of(const Source& source, int64_t entry) {
  return source.entries[static_cast<size_t>(entry)].name;
}

bool has_transparent_pixels(const Raster& image) {
  if (image.shape.channels != 4) return false;
  for (size_t alpha = 3; alpha < image.bytes.size(); alpha += 4)
    if (image.bytes[alpha] != 255) return true;
  return false;
}

[[noreturn]] void fail_mixed(const Source& source, const std::vector<RasterShape>& shapes, int64_t first,
                             int64_t other) {
  const auto said = [&](int64_t i) {
    return "'" + name_of(source, i) + "' is " + size_text(shapes[static_cast<size_t>(i)]);
  };
  throw MixedSizes("[data] expected images of one size, but " + said(first) + " and " + said(other) +
                   ". Hint: data.resolution = 64 (--set data.resolution=64) resizes all of them, by data.fit (pad, "
                   "crop or stretch)");
}

}  // namespace

std::vector<RasterShape> shapes_of(const Source& source, Unreadable& unreadable) {
  std::vector<RasterShape> shapes(source.entries.size());
  std::mutex mutex;
  parallel_chunks(static_cast<int64_t>(shapes.size()), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      try {
        shapes[static_cast<size_t>(i)] = source.shape(i);
      } catch (const DecodeError& error) {
        const std::lock_guard lock(mutex);
        unreadable[i] = error.what();
      }
    }
  });
  return shapes;
}

int64_t common_channels(const std::vector<RasterShape>& shapes, const DataOptions& options) {
  if (options.channels) return *options.channels;
  int64_t channels = 1;
  for (const auto& shape : shapes)
    channels = std::max(channels, shape.channels == 4 && options.alpha != "keep" ? 3 : shape.channels);
  return channels;
}

RasterShape common_shape(const Source& source, const DataOptions& options, Unreadable& unreadable) {
  const auto shapes = shapes_of(source, unreadable);
  RasterShape result;
  int64_t first = -1;
  for (int64_t i = 0; i < static_cast<int64_t>(shapes.size()); ++i) {
    if (unreadable.contains(i)) continue;
    const auto& shape = shapes[static_cast<size_t>(i)];
    if (first < 0) {
      first = i;
      result = {shape.height, shape.width, 1};
    }
    const bool same = shape.height == result.height && shape.width == result.width;
    if (!same && !options.resolution) fail_mixed(source, shapes, first, i);
  }
  result.channels = common_channels(shapes, options);
  if (options.resolution) result.height = result.width = *options.resolution;
  if (options.resolution && options.width) result.width = *options.width;
  return result;
}

Changes counted(const std::vector<uint8_t>& changes) {
  Changes counts;
  for (const auto bits : changes) {
    counts.reshaped += (bits & change_reshaped) != 0;
    counts.small += (bits & change_small) != 0;
    counts.large += (bits & change_large) != 0;
    counts.transparent += (bits & change_transparent) != 0;
  }
  return counts;
}

Prepared prepared(const Source& source, int64_t entry, const RasterShape& shape, const DataOptions& options) {
  Raster image = source.decode(entry);
  const bool keeps_alpha = options.alpha == "keep" && shape.channels == 4;
  const bool transparent = !keeps_alpha && has_transparent_pixels(image);
  if (options.alpha == "composite") image = composite(std::move(image), options.background);
  image = with_channels(std::move(image), shape.channels);
  const FitTarget fit{shape.height, shape.width, fit_named(options.fit), filter_named(options.filter),
                      static_cast<uint8_t>(options.pad_value)};
  const auto [reshaped, small, large] = changes_by_fitting(image.shape, fit);
  const int changes =
      change_reshaped * reshaped | change_small * small | change_transparent * transparent | change_large * large;
  return {fitted(std::move(image), fit), static_cast<uint8_t>(changes)};
}

void report(const Unreadable& unreadable, const Source& source, const DataOptions& options) {
  if (unreadable.empty()) return;
  const auto said = [&](const auto& one) { return "'" + name_of(source, one.first) + "': " + one.second; };
  const auto images = source.entries.size();
  const auto count = std::to_string(unreadable.size()) + " of " + std::to_string(images) + " images";
  if (unreadable.size() == images) {
    fail("data", *options.path + ": no image can be read; the first is " + said(*unreadable.begin()));
  }
  if (options.strict) {
    fail("data", *options.path + ": " + count + " cannot be read; the first is " + said(*unreadable.begin()) +
                     ". Hint: data.strict = false (--set data.strict=false) skips them");
  }
  log_warning("[data] " + count + " cannot be read and are skipped:");
  size_t shown = 0;
  for (const auto& one : unreadable) {
    if (shown++ == 20) break;
    log_warning("[data]   " + said(one));
  }
  if (unreadable.size() > 20) log_warning("[data]   ... and " + std::to_string(unreadable.size() - 20) + " more");
}

}  // namespace fqgan
