// The layout of a grid is computed first; then images and labels are copied into one picture.
#include "fqgan/plot/grid.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/plot/font.h"

namespace fqgan {
namespace {

constexpr int background = 32, ink = 224;           // gray levels
constexpr int board_dark = 102, board_light = 153;  // gray levels of the checkerboard
constexpr int64_t board_square = 8;                 // pixels
constexpr int64_t label_margin = 4;                 // pixels before and after a label
constexpr size_t label_limit = 24;                  // characters
constexpr int64_t caption_margin = 2;               // pixels before a caption

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Sizes in pixels.
struct Layout {
  int64_t columns = 0;
  std::vector<int64_t> row_lengths;         // number of images
  int64_t factor = 1;                       // enlargement of the images
  int64_t cell_height = 0, cell_width = 0;  // of an enlarged image
  int64_t row_height = 0;                   // the larger of a cell's and a label's height
  int64_t label_width = 0;                  // width of the column of labels; 0: none
  int64_t caption_height = 0;               // below each row; 0: none
  int64_t column_width = 0;                 // the larger of a cell's and a caption's width
  int64_t title_height = 0, title_width = 0;
  int64_t images_top = 0;  // below the title and the labels of the columns
};

int64_t columns_for(int64_t images, const GridOptions& options) {
  const auto labels = std::ssize(options.row_labels);
  if (options.columns > 0) return std::min(options.columns, images);
  if (labels > 0) return divide_up(images, labels);
  return static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(images))));
}

std::vector<int64_t> row_lengths_for(int64_t images, int64_t columns, const GridOptions& options) {
  auto lengths = options.row_lengths;
  if (lengths.empty())
    for (int64_t done = 0; done < images; done += columns) lengths.push_back(std::min(columns, images - done));
  const auto fits = [&](int64_t length) { return length > 0 && length <= columns; };
  FQGAN_CHECK(std::accumulate(lengths.begin(), lengths.end(), int64_t{0}) == images &&
                  std::all_of(lengths.begin(), lengths.end(), fits),
              "row lengths that do not fit the images and the columns");
  return lengths;
}

int64_t enlargement(int64_t height, int64_t width, const GridOptions& options) {
  return std::max<int64_t>(1, divide_up(options.minimum_cell, std::max(height, width)));
}

// The width of the longest of these texts, in pixels.
int64_t width_of(const std::vector<std::string>& texts) {
  size_t longest = 0;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  return static_cast<int64_t>(longest) * glyph_width;
}

Layout layout_of(const at::Tensor& pixels, const GridOptions& options, const std::vector<std::string>& labels) {
  const int64_t images = pixels.size(0), height = pixels.size(2), width = pixels.size(3);
  Layout layout;
  layout.columns = columns_for(images, options);
  layout.row_lengths = row_lengths_for(images, layout.columns, options);
  layout.factor = enlargement(height, width, options);
  layout.cell_height = height * layout.factor;
  layout.cell_width = width * layout.factor;
  layout.row_height = layout.cell_height;
  const auto texts = std::max(width_of(options.captions), width_of(options.column_labels));
  layout.column_width = std::max(layout.cell_width, texts > 0 ? caption_margin + texts : 0);
  if (!options.captions.empty()) layout.caption_height = glyph_height;
  if (!options.title.empty()) {
    layout.title_height = std::ssize(options.title) * glyph_height + 2 * label_margin;
    layout.title_width = width_of(options.title) + 2 * label_margin;
  }
  layout.images_top = layout.title_height + (options.column_labels.empty() ? 0 : glyph_height);
  if (labels.empty()) return layout;
  const auto rows = std::ssize(layout.row_lengths);
  if (std::ssize(labels) != rows) {
    fail("grid", "expected " + std::to_string(rows) + " row labels for " + std::to_string(images) + " images in " +
                     std::to_string(layout.columns) + " columns, got " + std::to_string(labels.size()) +
                     ". Hint: give one label per row");
  }
  layout.label_width = width_of(labels) + 2 * label_margin;
  layout.row_height = std::max(layout.cell_height, glyph_height);
  return layout;
}

// The labels as they are drawn: one byte per character, long ones cut.
std::vector<std::string> drawn_labels(const std::vector<std::string>& labels) {
  std::vector<std::string> drawn;
  for (const auto& label : labels) {
    std::string text = drawable(label);
    if (text.size() > label_limit) text.replace(label_limit - 2, std::string::npos, "..");
    drawn.push_back(std::move(text));
  }
  return drawn;
}

// Enlarges each pixel to factor x factor pixels: C x H x W -> C x H factor x W factor.
at::Tensor enlarged(const at::Tensor& image, int64_t factor) {
  const int64_t channels = image.size(0), height = image.size(1), width = image.size(2);
  return image.view({channels, height, 1, width, 1})
      .expand({channels, height, factor, width, factor})
      .reshape({channels, height * factor, width * factor});
}

// Composites RGBA over a checkerboard, the usual sign of transparency: 4 x H x W -> 3 x H x W.
at::Tensor opaque(const at::Tensor& image) {
  const auto squares = [](int64_t extent) { return at::arange(extent, at::kLong).floor_divide(board_square); };
  const at::Tensor odd = (squares(image.size(1)).unsqueeze(1) + squares(image.size(2))).remainder(2);  // H x W
  const at::Tensor board = odd * (board_light - board_dark) + board_dark;
  const at::Tensor alpha = image[3].to(at::kLong);
  const at::Tensor mixed = image.narrow(0, 0, 3).to(at::kLong) * alpha + board * (255 - alpha);
  return (mixed + 127).floor_divide(255).to(at::kByte);
}

void draw_label(const at::Tensor& picture, const std::string& label, int64_t row_top, const Layout& layout) {
  const int64_t x = layout.label_width - label_margin - std::ssize(label) * glyph_width;
  draw_text(picture, x, row_top + (layout.row_height - glyph_height) / 2, label, ink);
}

/// From one image to the next, in pixels.
struct Steps {
  int64_t row, column;
};

// The title, and the labels of rows and columns.
void draw_texts(const at::Tensor& picture, const GridOptions& options, const std::vector<std::string>& labels,
                const Layout& layout, const Steps& steps) {
  for (int64_t line = 0; line < std::ssize(options.title); ++line)
    draw_text(picture, label_margin, label_margin + line * glyph_height, options.title[line], ink);
  for (int64_t column = 0; column < std::ssize(options.column_labels); ++column)
    draw_text(picture, layout.label_width + column * steps.column + caption_margin, layout.title_height,
              options.column_labels[column], ink);
  for (int64_t row = 0; row < std::ssize(labels); ++row)
    draw_label(picture, labels[row], layout.images_top + row * steps.row, layout);
}

}  // namespace

const int64_t widest_label = static_cast<int64_t>(label_limit) * glyph_width + 2 * label_margin;

CellSize cell_size(int64_t height, int64_t width, const GridOptions& options) {
  const auto factor = enlargement(height, width, options);
  return {std::max(height * factor, glyph_height) + options.gap, width * factor + options.gap};
}

at::Tensor to_pixels(const at::Tensor& images) {
  check_shape(images, {any, any, any, any}, "to_pixels");
  return ((images.to(at::kFloat) + 1) * 127.5).round().nan_to_num(0.).clamp(0, 255).to(at::kByte);
}

at::Tensor make_grid(const at::Tensor& pixels, const GridOptions& options) {
  check_shape(pixels, {any, any, any, any}, "grid");
  const int64_t channels = pixels.size(1);
  if (pixels.numel() == 0) fail("grid", "expected at least one image, got shape " + shape_text(pixels.sizes()));
  if (channels != 1 && channels != 3 && channels != 4) {
    fail("grid", "expected images of 1, 3 or 4 channels, got " + std::to_string(channels));
  }
  FQGAN_CHECK(pixels.scalar_type() == at::kByte && options.columns >= 0 && options.gap >= 0,
              "expected uint8 pixels, columns >= 0 and gap >= 0");
  FQGAN_CHECK(options.captions.empty() || std::ssize(options.captions) == pixels.size(0),
              "expected one caption per image");
  FQGAN_CHECK(options.column_labels.empty() || std::ssize(options.column_labels) == options.columns,
              "expected one label per column");

  const auto labels = drawn_labels(options.row_labels);
  const Layout layout = layout_of(pixels, options, labels);
  const int64_t row_step = layout.row_height + layout.caption_height + options.gap;
  const int64_t column_step = layout.column_width + options.gap;
  const int64_t height = layout.images_top + std::ssize(layout.row_lengths) * row_step - options.gap;
  const int64_t width = std::max(layout.title_width, layout.label_width + layout.columns * column_step - options.gap);
  const at::Tensor picture = at::full({channels == 1 ? 1 : 3, height, width}, background, at::kByte);
  const at::Tensor source = pixels.cpu().contiguous();
  draw_texts(picture, options, labels, layout, {row_step, column_step});
  int64_t image = 0, row_top = layout.images_top;
  for (const auto length : layout.row_lengths) {
    const int64_t y = row_top + (layout.row_height - layout.cell_height) / 2;
    for (int64_t column = 0; column < length; ++column) {
      const int64_t x = layout.label_width + column * column_step;
      const at::Tensor cell = enlarged(source[image], layout.factor);
      picture.narrow(1, y, layout.cell_height)
          .narrow(2, x, layout.cell_width)
          .copy_(channels == 4 ? opaque(cell) : cell);
      if (!options.captions.empty())
        draw_text(picture, x + caption_margin, row_top + layout.row_height, options.captions[image], ink);
      ++image;
    }
    row_top += row_step;
  }
  return picture;
}

}  // namespace fqgan
