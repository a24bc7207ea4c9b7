// Image files as tensors: decoding and PNG writing. The shape is C x H x W, like an image of a batch; in memory it is
// H x W x C.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>

namespace fqgan {

/// Encodes a uint8 tensor C x H x W of any strides, C = 1, 3 or 4, as PNG: as bytes, or as a file written atomically.
std::string encode_png(const at::Tensor& pixels);
void write_png(const std::string& path, const at::Tensor& pixels);

/// Decodes PNG, JPEG or WebP bytes, recognised by content, to uint8 C x H x W with C = 1 (gray), 3 (RGB) or 4 (RGBA).
/// `name` is the file's name in errors. Errors: UserError (not an image, damaged, too large).
at::Tensor decode_image(std::string_view bytes, const std::string& name);

}  // namespace fqgan
