// Decoded images on disk, so that a data set is decoded once and may be larger than memory. A cache file is written by
// one process at a time under a lock, can be continued after the writer was killed, and gets its final name when it is
// whole.
//   <cache folder>/data/<key>.pixels   slots, one status byte an image, JSON (what it holds), its length, "FQPIXELS"
//   <cache folder>/data/<key>.partial  the same without the end, while it is built; <key>.lock beside it
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "fqgan/data/store/pixel_store.h"

namespace fqgan {

/// $FQGAN_CACHE, else $XDG_CACHE_HOME/fqgan, else ~/.cache/fqgan; nothing where none of them is set.
std::optional<std::filesystem::path> cache_folder();

/// The finished cache of this key, mapped; nothing where there is none (or one that is damaged, which is then rebuilt).
std::optional<PixelStore> find_cached(const std::string& key, int64_t images);

/// Builds the cache, or continues it, or waits while another process builds it. Announces its size where it is big.
/// Errors: UserError (folder not writable), SystemError (disk full).
PixelStore build_cached(const std::string& key, const Source& source, int64_t images, const DataOptions& options,
                        const RasterShape& shape, const Unreadable& unreadable);

}  // namespace fqgan
