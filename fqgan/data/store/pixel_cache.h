// A cache of decoded images on disk, so that a data set is decoded once and may be larger than memory. One process at a
// time writes a cache file, under a lock. A killed process' file is continued; it gets its final name when it is
// complete.
//   <cache folder>/data/<key>.pixels   slots, one status byte per image (with its Change), JSON description, its
//                                      length, "FQPIXELS"
//   <cache folder>/data/<key>.partial  the same without the end, while it is built; <key>.lock beside it
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "fqgan/data/store/pixel_store.h"

namespace fqgan {

/// $FQGAN_CACHE, else $XDG_CACHE_HOME/fqgan, else ~/.cache/fqgan; nothing if no variable is set.
std::optional<std::filesystem::path> cache_folder();

/// A folder in the cache folder, which is made if it is missing. Nothing if there is no cache folder, or if this one
/// cannot be written to; then `problem` is called with one line that says why.
std::optional<std::filesystem::path> writable_cache_folder(const std::string& name,
                                                           const std::function<void(const std::string&)>& problem);

/// Maps the finished cache of this key; nothing if there is none, or a damaged one, which will be rebuilt.
std::optional<PixelStore> find_cached(const std::string& key, int64_t images);

/// Builds or continues the cache, or waits while another process builds it. Logs the size of a large one. Errors:
/// UserError (folder not writable), SystemError (disk full).
PixelStore build_cached(const std::string& key, const Source& source, const DataOptions& options,
                        const RasterShape& shape, const Unreadable& unreadable);

}  // namespace fqgan
