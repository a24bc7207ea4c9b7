#include "fqgan/data/images/fit.h"

#include <algorithm>
#include <cmath>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

int64_t scaled(int64_t length, double scale) {
  return std::max<int64_t>(1, std::llround(static_cast<double>(length) * scale));
}

double ratio(int64_t to, int64_t from) { return static_cast<double>(to) / static_cast<double>(from); }

// Copies the rows x columns rectangle at (y, x) of `from` to (top, left) of `to`.
void copy_rectangle(const Raster& from, int64_t y, int64_t x, Raster& to, int64_t top, int64_t left, int64_t rows,
                    int64_t columns) {
  const int64_t channels = from.shape.channels;
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t* source = from.bytes.data() + ((y + row) * from.shape.width + x) * channels;
    std::copy_n(source, columns * channels, to.bytes.data() + ((top + row) * to.shape.width + left) * channels);
  }
}

Raster padded(Raster image, const FitTarget& options) {
  const double scale =
      std::min({1.0, ratio(options.height, image.shape.height), ratio(options.width, image.shape.width)});
  image = resize(image, scaled(image.shape.height, scale), scaled(image.shape.width, scale), options.filter);
  const int64_t channels = image.shape.channels;
  Raster canvas({options.height, options.width, channels});
  std::fill(canvas.bytes.begin(), canvas.bytes.end(), options.pad_value);
  if (channels == 4) {
    for (size_t i = 3; i < canvas.bytes.size(); i += 4) canvas.bytes[i] = 0;
  }
  copy_rectangle(image, 0, 0, canvas, (options.height - image.shape.height) / 2,
                 (options.width - image.shape.width) / 2, image.shape.height, image.shape.width);
  return canvas;
}

// A strip of 1 x 30000 pixels scaled to cover the target would need gigabytes. It is therefore cut before it is scaled,
// with a margin wider than the filter.
Raster shortened(Raster image, const FitTarget& options, double scale) {
  const auto kept = [&](int64_t length, int64_t target) {
    const auto needed = static_cast<int64_t>(std::ceil(static_cast<double>(target) / scale));
    return length > 8 * needed + 64 ? 4 * needed + 32 : length;
  };
  const int64_t height = kept(image.shape.height, options.height), width = kept(image.shape.width, options.width);
  if (height == image.shape.height && width == image.shape.width) return image;
  Raster result({height, width, image.shape.channels});
  copy_rectangle(image, (image.shape.height - height) / 2, (image.shape.width - width) / 2, result, 0, 0, height,
                 width);
  return result;
}

Raster cropped(Raster image, const FitTarget& options) {
  const double scale = std::max(ratio(options.height, image.shape.height), ratio(options.width, image.shape.width));
  image = shortened(std::move(image), options, scale);
  image = resize(image, std::max(options.height, scaled(image.shape.height, scale)),
                 std::max(options.width, scaled(image.shape.width, scale)), options.filter);
  Raster result({options.height, options.width, image.shape.channels});
  copy_rectangle(image, (image.shape.height - options.height) / 2, (image.shape.width - options.width) / 2, result, 0,
                 0, options.height, options.width);
  return result;
}

}  // namespace

Fit fit_named(const std::string& name) {
  if (name == "pad") return Fit::pad;
  if (name == "crop") return Fit::crop;
  if (name == "stretch") return Fit::stretch;
  fail("data", "fit: expected pad, crop or stretch, got '" + name + "'");
}

ResizeFilter filter_named(const std::string& name) {
  if (name == "bicubic") return ResizeFilter::bicubic;
  if (name == "lanczos") return ResizeFilter::lanczos;
  fail("data", "filter: expected bicubic or lanczos, got '" + name + "'");
}

FitChanges changes_by_fitting(const RasterShape& image, const FitTarget& target) {
  const double y = ratio(target.height, image.height), x = ratio(target.width, image.width);
  const double scale = target.fit == Fit::pad ? std::min(y, x) : std::max(y, x);
  const bool fits = scaled(image.height, scale) == target.height && scaled(image.width, scale) == target.width;
  return {!fits, scale > 1, scale < 1};
}

Raster fitted(Raster image, const FitTarget& options) {
  if (image.shape.height == options.height && image.shape.width == options.width) return image;
  switch (options.fit) {
    case Fit::pad:
      return padded(std::move(image), options);
    case Fit::crop:
      return cropped(std::move(image), options);
    case Fit::stretch:
      return resize(image, options.height, options.width, options.filter);
  }
  FQGAN_CHECK(false, "an unknown fit");
}

}  // namespace fqgan
