// A curve is drawn first as its coverage of each pixel, which gives smooth edges and joints.
#include "fqgan/plot/curve.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/plot/axis.h"
#include "fqgan/plot/font.h"

namespace fqgan {
namespace {

using Colour = std::array<float, 3>;  // red, green, blue, 0..255
constexpr int plot_paper = 255, plot_ink = 40;
constexpr float grid_gray = 225, axis_gray = 110;
// Okabe and Ito's colours, which most colour-blind people can tell apart.
constexpr Colour plot_colours[] = {{0, 114, 178},   {213, 94, 0},  {0, 158, 115},
                                   {204, 121, 167}, {230, 159, 0}, {86, 180, 233}};
constexpr double line_width = 2, marker_radius = 3, band_opacity = 0.2;  // pixels; pixels; 0 to 1
constexpr size_t most_markers = 40;                                      // curves with more points have no markers
constexpr int64_t tick_pixels = 4, plot_margin = 10;                     // pixels

int64_t drawn_width(const std::string& text) { return std::ssize(drawable(text)) * glyph_width; }

/// Blends `colour` into the picture (float 3 x H x W) by `coverage` (float H x W in [0, 1]).
void blend(at::Tensor picture, const at::Tensor& coverage, const Colour& colour) {
  const auto paint = at::tensor(at::ArrayRef<float>(colour.data(), colour.size())).view({3, 1, 1});
  picture.add_(coverage.unsqueeze(0) * (paint - picture));
}

/// Adds a line of this width from (x0, y0) to (x1, y1) to `coverage`; equal ends give a point.
void cover_line(at::Tensor coverage, double x0, double y0, double x1, double y1, double width) {
  auto cells = coverage.accessor<float, 2>();
  const double reach = width / 2 + 1, dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy;
  const auto bounded = [](double v, int64_t end) { return std::clamp<int64_t>(std::llround(v), 0, end - 1); };
  const int64_t left = bounded(std::min(x0, x1) - reach, coverage.size(1));
  const int64_t right = bounded(std::max(x0, x1) + reach, coverage.size(1));
  const int64_t top = bounded(std::min(y0, y1) - reach, coverage.size(0));
  const int64_t bottom = bounded(std::max(y0, y1) + reach, coverage.size(0));
  for (int64_t y = top; y <= bottom; ++y)
    for (int64_t x = left; x <= right; ++x) {
      const double px = static_cast<double>(x) - x0, py = static_cast<double>(y) - y0;
      const double along = length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0., 1.) : 0.;
      const double distance = std::hypot(px - along * dx, py - along * dy);
      const auto fraction = static_cast<float>(std::clamp(width / 2 + 0.5 - distance, 0., 1.));
      cells[y][x] = std::max(cells[y][x], fraction);
    }
}

class Plot {
 public:
  Plot(const std::vector<Curve>& curves, const PlotOptions& options) : options_(options) {
    if (options.width < 200 || options.height < 150)
      fail("curves", "expected a picture of at least 200 x 150 pixels, got " + std::to_string(options.width) + " x " +
                         std::to_string(options.height));
    std::vector<double> xs, ys;
    y_.logarithmic = options.log_y;
    for (const auto& curve : curves) collect(curve, xs, ys);
    x_ = axis_over(xs, false, 0.02);
    y_ = axis_over(ys, options.log_y, 0.05);
    lay_out();
    picture_ = at::full({3, options.height, options.width}, plot_paper, at::kFloat);
  }

  at::Tensor draw(const std::vector<Curve>& curves) {
    draw_grid();
    for (size_t i = 0; i < curves.size(); ++i) draw_curve(curves[i], plot_colours[i % std::size(plot_colours)]);
    draw_frame();
    auto pixels = picture_.round().clamp(0, 255).to(at::kByte);
    write_numbers(pixels);
    write_legend(pixels, curves);
    return pixels;
  }

 private:
  bool shown(const Curve& curve, size_t i) const { return std::isfinite(curve.x[i]) && y_.shows(curve.y[i]); }

  void collect(const Curve& curve, std::vector<double>& xs, std::vector<double>& ys) const {
    FQGAN_CHECK(curve.x.size() == curve.y.size(), "a curve needs as many x as y");
    FQGAN_CHECK(curve.stddev.empty() || curve.stddev.size() == curve.y.size(),
                "one standard deviation per point, or none");
    for (size_t i = 0; i < curve.x.size(); ++i) {
      if (!shown(curve, i)) continue;
      xs.push_back(curve.x[i]);
      ys.push_back(curve.y[i]);
      if (curve.stddev.empty()) continue;
      for (const double y : {curve.y[i] - curve.stddev[i], curve.y[i] + curve.stddev[i]})
        if (y_.shows(y)) ys.push_back(y);
    }
  }

  void lay_out() {
    const int64_t line = glyph_height + 4;
    y_.begin = options_.height - plot_margin - line - tick_pixels - (options_.x_label.empty() ? 0 : line);
    y_.end = plot_margin + (options_.title.empty() ? 0 : line) + (options_.y_label.empty() ? glyph_height / 2 : line);
    const int64_t room_y = (y_.begin - y_.end) / 40, room_x = options_.width / 100;
    y_.ticks = y_.logarithmic ? logarithmic_ticks(y_.low, y_.high)
                              : linear_ticks(y_.low, y_.high, std::max<int64_t>(2, room_y));
    int64_t widest = 0;
    for (const double tick : y_.ticks) widest = std::max(widest, drawn_width(number_text(tick)));
    x_.begin = plot_margin + widest + tick_pixels + 4;
    x_.end = options_.width - plot_margin - 2 * glyph_width;
    x_.ticks = linear_ticks(x_.low, x_.high, std::max<int64_t>(2, room_x));
  }

  void draw_grid() {
    for (const double tick : y_.ticks) fill(std::llround(y_.pixel(tick)), x_.begin, 1, x_.end - x_.begin, grid_gray);
    for (const double tick : x_.ticks) fill(y_.end, std::llround(x_.pixel(tick)), y_.begin - y_.end, 1, grid_gray);
  }

  void draw_frame() {
    fill(y_.begin, x_.begin, 1, x_.end - x_.begin + 1, axis_gray);
    fill(y_.end, x_.begin, y_.begin - y_.end, 1, axis_gray);
    for (const double tick : y_.ticks)
      fill(std::llround(y_.pixel(tick)), x_.begin - tick_pixels, 1, tick_pixels, axis_gray);
    for (const double tick : x_.ticks) fill(y_.begin, std::llround(x_.pixel(tick)), tick_pixels, 1, axis_gray);
  }

  void fill(int64_t y, int64_t x, int64_t height, int64_t width, float gray) {
    picture_.narrow(1, y, height).narrow(2, x, width).fill_(gray);
  }

  void draw_curve(const Curve& curve, const Colour& colour) {
    const auto line = at::zeros({options_.height, options_.width}, at::kFloat);
    const auto band = at::zeros_like(line);
    const bool marked = curve.x.size() <= most_markers;
    for (size_t i = 0; i < curve.x.size(); ++i) {
      if (!shown(curve, i)) continue;
      const double x = x_.pixel(curve.x[i]), y = y_.pixel(curve.y[i]);
      if (marked) cover_line(line, x, y, x, y, 2 * marker_radius);
      if (i == 0 || !shown(curve, i - 1)) continue;
      cover_line(line, x_.pixel(curve.x[i - 1]), y_.pixel(curve.y[i - 1]), x, y, line_width);
      if (!curve.stddev.empty()) cover_band(band, curve, i);
    }
    blend(picture_, band * band_opacity, colour);
    blend(picture_, line, colour);
  }

  /// Fills the columns between points i - 1 and i, from y - stddev to y + stddev.
  void cover_band(at::Tensor band, const Curve& curve, size_t i) const {
    auto cells = band.accessor<float, 2>();
    const double x0 = x_.pixel(curve.x[i - 1]), x1 = x_.pixel(curve.x[i]);
    const auto edge = [&](size_t at, double sign) {
      const double y = curve.y[at] + sign * curve.stddev[at];
      return y_.shows(y) ? std::clamp(y_.pixel(y), 1. * y_.end, 1. * y_.begin) : 1. * y_.begin;
    };
    const double top0 = edge(i - 1, 1), top1 = edge(i, 1), bottom0 = edge(i - 1, -1), bottom1 = edge(i, -1);
    for (int64_t x = std::llround(std::min(x0, x1)); x <= std::llround(std::max(x0, x1)); ++x) {
      const double part = x1 == x0 ? 1 : std::clamp((static_cast<double>(x) - x0) / (x1 - x0), 0., 1.);
      const auto top = std::llround(top0 + part * (top1 - top0));
      const auto bottom = std::llround(bottom0 + part * (bottom1 - bottom0));
      for (auto y = top; y <= bottom; ++y) cells[y][x] = 1;
    }
  }

  void write_numbers(at::Tensor pixels) const {
    for (const double tick : y_.ticks) {
      const auto text = number_text(tick);
      const auto y = std::llround(y_.pixel(tick)) - glyph_height / 2;
      draw_text(pixels, x_.begin - tick_pixels - 3 - drawn_width(text), y, text, plot_ink);
    }
    for (const double tick : x_.ticks) {
      const auto text = number_text(tick);
      draw_text(pixels, std::llround(x_.pixel(tick)) - drawn_width(text) / 2, y_.begin + tick_pixels + 1, text,
                plot_ink);
    }
    const auto middle = [&](const std::string& text) { return (x_.begin + x_.end - drawn_width(text)) / 2; };
    draw_text(pixels, middle(options_.title), plot_margin - 4, drawable(options_.title), plot_ink);
    draw_text(pixels, middle(options_.x_label), options_.height - plot_margin - glyph_height + 4,
              drawable(options_.x_label), plot_ink);
    draw_text(pixels, plot_margin, y_.end - glyph_height - 4, drawable(options_.y_label), plot_ink);
  }

  /// The legend is in the upper right corner, which falling curves leave free.
  void write_legend(at::Tensor pixels, const std::vector<Curve>& curves) const {
    int64_t widest = 0;
    for (const auto& curve : curves) widest = std::max(widest, drawn_width(curve.name));
    if (widest == 0) return;
    int64_t y = y_.end + 6;
    const int64_t x = std::max(x_.begin, x_.end - widest - 8), swatch = 14;
    for (size_t i = 0; i < curves.size() && y + glyph_height < y_.begin; ++i, y += glyph_height + 3) {
      for (int64_t c = 0; c < 3; ++c) {
        const auto row = pixels[c].narrow(0, y + glyph_height / 2 - 1, 3);
        row.narrow(1, std::max<int64_t>(0, x - swatch - 6), swatch).fill_(plot_colours[i % std::size(plot_colours)][c]);
      }
      draw_text(pixels, x, y, drawable(curves[i].name), plot_ink);
    }
  }

  PlotOptions options_;
  Axis x_, y_;
  at::Tensor picture_;  // float 3 x H x W
};

}  // namespace

at::Tensor draw_curves(const std::vector<Curve>& curves, const PlotOptions& options) {
  return Plot(curves, options).draw(curves);
}

}  // namespace fqgan
