// A cache of decoded images on disk, so that a data set is decoded once and may be larger than memory. One process at a
// time writes a cache file, under a lock. A killed process' file is continued; it gets its final name when it is
// complete.
//   <cache folder>/data/<key>.pixels   slots, one status byte per image (with its Change), JSON description, its
//                                      length, "FQPIXELS"
//   <cache folder>/data/<key>.partial  the same without the end, while it is built; <key>.lock beside it
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "fqgan/data/store/pixel_store.h"

namespace fqgan {

/// $FQGAN_CACHE, else $XDG_CACHE_HOME/fqgan, else ~/.cache/fqgan; nothing if no variable is set.
std::optional<std::filesystem::path> cache_folder();

/// Maps the finished cache of this key; nothing if there is none, or a damaged one, which will be rebuilt.
std::optional<PixelStore> find_cached(const std::string& key, int64_t images);

/// Builds or continues the cache, or waits while another process builds it. Logs the size of a large one. Errors:
/// UserError (folder not writable), SystemError (disk full).
PixelStore build_cached(const std::string& key, const Source& source, const DataOptions& options,
                        const RasterShape& shape, const Unreadable& unreadable);

}  // namespace fqgan
