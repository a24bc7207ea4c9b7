// All images of a data set decoded to one shape: in memory, or in a file that is mapped into it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "fqgan/data/store/prepare.h"

namespace fqgan {

struct PixelStore {
  RasterShape shape;
  std::shared_ptr<const uint8_t> pixels;  // one slot of H x W x C for each entry of the source
  Unreadable unreadable;                  // images whose slots are empty
  std::vector<uint8_t> changes;           // of each entry: bits of Change; empty: none was changed
};

/// A range of entries.
struct Chunk {
  int64_t begin = 0, end = 0;   // entries of the source
  std::vector<uint8_t> pixels;  // their slots
  std::vector<uint8_t> changes;
  Unreadable unreadable;
};

/// Decodes the entries of a source, in parallel, in chunks of up to 32 images or about 4 MiB (the shape
/// alone determines it). `wanted` selects chunks (empty: all); `finished` receives them, one at a time, in no fixed
/// order. Images that are already in `unreadable` are not tried again.
void decode_chunks(const Source& source, const DataOptions& options, const RasterShape& shape,
                   const Unreadable& unreadable, const std::function<bool(int64_t begin, int64_t end)>& wanted,
                   const std::function<void(Chunk& chunk)>& finished);

/// Decodes into memory. `unreadable`: the images that common_shape could not read.
PixelStore decode_into_memory(const Source& source, const DataOptions& options, const RasterShape& shape,
                              const Unreadable& unreadable);

}  // namespace fqgan
