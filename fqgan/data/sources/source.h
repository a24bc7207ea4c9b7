// Where images come from, before they are decoded and brought to size. A kind of source is one file in sources/ and one
// line in the table of source.cpp. A path is opened once; its splits and domains are parts of what was opened.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/data/images/raster.h"
#include "fqgan/data/manifest.h"

namespace fqgan {

/// The images of one split and domain.
struct Source {
  struct Entry {
    std::string name;  // to speak of it: relative path, or "train-images-idx3-ubyte.gz #17"
    int64_t label = -1;
  };
  std::vector<Entry> entries;
  std::vector<std::string> class_names;           // empty: the source has none
  Manifest manifest;                              // of the files behind the images
  int64_t largest_in_memory = int64_t{64} << 20;  // decoded bytes; more goes to the cache under `cache = "auto"`

  virtual ~Source() = default;
  /// Fills in labels and class names, where reading them is work of its own. Errors: UserError.
  virtual void read_labels() {}
  /// These are safe to call from several threads. Errors: DecodeError (this image cannot be read).
  virtual RasterShape shape(int64_t entry) const = 0;
  virtual Raster decode(int64_t entry) const = 0;
  /// All entries as they are, H x W x C one after the other, where they lie in memory already; else null.
  virtual std::shared_ptr<const uint8_t> in_memory() const { return nullptr; }
  /// Frees what decode and in_memory need: they are not called again.
  virtual void forget_pixels() {}
};

/// A path that was recognised.
struct OpenedPath {
  virtual ~OpenedPath() = default;
  /// Where the images of a split and domain lie in it. The same place for two splits: there is only one.
  /// Errors: UserError (the split or domain is not there).
  virtual std::string place(const std::string& split, const std::optional<std::string>& domain) = 0;
  /// Errors: UserError (damaged, no images).
  virtual std::unique_ptr<Source> open(const std::string& place) = 0;
};

struct SourceKind {
  const char* name;
  const char* description;  // for the error that nothing was recognised
  bool (*recognises)(const std::filesystem::path& path);
  std::unique_ptr<OpenedPath> (*open)(const std::filesystem::path& path, const DataOptions& options);
};

/// The first kind that recognises `options.path` opens it. Errors: UserError (no path, nothing there, not recognised).
std::unique_ptr<OpenedPath> open_path(const DataOptions& options);
/// The images that `options.split` and `domain` name, with labels unless `options.labels` is false.
std::unique_ptr<Source> open_source(const DataOptions& options);

extern const SourceKind idx_source, cifar_source, zip_source, folder_source;

/// Sources whose decoded images are simply in memory, one after the other.
struct ArraySource : Source {
  ArraySource() { largest_in_memory = int64_t{1} << 30; }  // there is next to nothing to decode
  std::shared_ptr<std::vector<uint8_t>> pixels = std::make_shared<std::vector<uint8_t>>();  // entries x H x W x C
  RasterShape each;
  RasterShape shape(int64_t) const override { return each; }
  Raster decode(int64_t entry) const override;
  std::shared_ptr<const uint8_t> in_memory() const override { return {pixels, pixels->data()}; }
  void forget_pixels() override { pixels.reset(); }
};

}  // namespace fqgan
