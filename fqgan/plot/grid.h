// Sample grids: images in rows and columns, with a title, labels of rows and columns, and a caption below each image.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

struct GridOptions {
  int64_t columns = 0;                     // 0: as square as possible, or with row labels one row per label
  std::vector<std::string> row_labels;     // one per row, drawn to its left, cut to 24 characters; empty: none
  std::vector<std::string> column_labels;  // drawn above the first row, never cut; empty: none
  std::vector<int64_t> row_lengths;        // number of images in each row, up to `columns`; empty: all rows are full
  std::vector<std::string> title;          // lines above the images, never cut
  std::vector<std::string> captions;       // one per image, drawn below it, never cut; empty: none
  int64_t gap = 2;                         // pixels between images
  int64_t minimum_cell = 64;  // pixels; images whose longer side is shorter are enlarged, by an integer factor
};

/// The place of one image of height x width in a grid without captions, with the gap, in pixels.
struct CellSize {
  int64_t height, width;
};
CellSize cell_size(int64_t height, int64_t width, const GridOptions& options);
/// The largest width of the labels, in pixels.
extern const int64_t widest_label;

/// float N x C x H x W in [-1, 1] -> uint8, round((x + 1) * 127.5), clamped; a NaN becomes 0. On the images' device.
at::Tensor to_pixels(const at::Tensor& images);

/// uint8 N x C x H x W with C = 1 (gray), 3 (RGB) or 4 (RGBA, composited over a checkerboard) -> one uint8 picture
/// C x H' x W' with C = 1 or 3, on the CPU: the images row by row on dark gray. Errors: UserError for no images,
/// another number of channels, or a number of row labels that differs from the number of rows.
at::Tensor make_grid(const at::Tensor& pixels, const GridOptions& options);

}  // namespace fqgan
