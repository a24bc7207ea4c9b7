// Style mixing (Karras et al. 2019, section 3.1): an image whose layers take w from two latents, as in style_mixing.py
// of stylegan2-ada-pytorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace fqgan {

/// rows: R x layers x W, columns: C x layers x W -> w of a grid without its first corner, (R + 1)(C + 1) - 1 x layers x
/// W: first all columns, then for each row the row itself and its mixes. The mix at (r, c) is row r with the given
/// layers of column c.
at::Tensor mixed_styles(const at::Tensor& rows, const at::Tensor& columns, const std::vector<int64_t>& layers);

}  // namespace fqgan
