// Where images come from, before they are decoded and brought to size. A kind of source is one file in sources/ and one
// line in the table of source.cpp.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/data/images/raster.h"
#include "fqgan/data/manifest.h"

namespace fqgan {

struct Source {
  struct Entry {
    std::string name;  // to speak of it: relative path, or "train-images-idx3-ubyte.gz #17"
    int64_t label = -1;
  };
  std::vector<Entry> entries;
  std::vector<std::string> class_names;           // empty: the source has none
  Manifest manifest;                              // of the files behind it
  int64_t largest_in_memory = int64_t{64} << 20;  // decoded bytes; more goes to the cache under `cache = "auto"`

  virtual ~Source() = default;
  /// Both are safe to call from several threads. Errors: DecodeError (this image cannot be read).
  virtual RasterShape shape(int64_t entry) const = 0;
  virtual Raster decode(int64_t entry) const = 0;
};

struct SourceKind {
  const char* name;
  const char* description;  // for the error that nothing was recognised
  bool (*recognises)(const std::filesystem::path& path, const DataOptions& options);
  std::unique_ptr<Source> (*open)(const std::filesystem::path& path, const DataOptions& options);
};

/// The first kind that recognises `options.path` opens it. Errors: UserError (no path, nothing there, not recognised).
std::unique_ptr<Source> open_source(const DataOptions& options);

extern const SourceKind idx_source, cifar_source, zip_source, folder_source;

/// Sources whose decoded images are simply in memory, one after the other.
struct ArraySource : Source {
  ArraySource() { largest_in_memory = int64_t{1} << 30; }  // there is next to nothing to decode
  std::vector<uint8_t> pixels;                             // entries x H x W x C
  RasterShape each;
  RasterShape shape(int64_t entry) const override { return each; }
  Raster decode(int64_t entry) const override;
};

}  // namespace fqgan
