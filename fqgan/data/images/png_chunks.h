// The chunks of a PNG file, as far as Pillow looks at them beside the pixels: the orientation, and which damage behind
// the pixels is forgiven.
#pragma once

#include <string>
#include <string_view>

#include "fqgan/data/images/orientation.h"

namespace fqgan {

struct PngChunks {
  Metadata metadata;
  bool ended = false;  // the end chunk was found
  bool cut = false;    // the file ends within its last chunk of image data
};

/// Reads the chunks. A missing end and wrong checksums behind the pixels are no errors, as in Pillow. Errors:
/// DecodeError (cut within the data of a chunk other than image data).
PngChunks read_png_chunks(std::string_view bytes);

/// A copy of a file that is cut within its image data, whose last chunk ends where the file ends.
std::string closed_png(std::string_view bytes);

}  // namespace fqgan
