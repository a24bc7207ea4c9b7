// Sources of images, before decoding and resizing. Each kind of source is one file in sources/ and one line in the
// table of source.cpp. A path is opened once; its splits and domains are parts of the opened path.
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
    std::string name;  // for messages: relative path, or "train-images-idx3-ubyte.gz #17"
    int64_t label = -1;
  };
  std::vector<Entry> entries;
  std::vector<std::string> class_names;           // empty: the source has none
  Manifest manifest;                              // the identity of the files
  int64_t largest_in_memory = int64_t{64} << 20;  // decoded bytes; with `cache = "auto"` larger sets use the cache

  virtual ~Source() = default;
  /// Reads labels and class names, if they are in separate files. Errors: UserError.
  virtual void read_labels() {}
  /// These may be called from several threads. Errors: DecodeError (this image cannot be read).
  virtual RasterShape shape(int64_t entry) const = 0;
  virtual Raster decode(int64_t entry) const = 0;
  /// All images, H x W x C one after the other, if they are in memory without decoding; else null.
  virtual std::shared_ptr<const uint8_t> in_memory() const { return nullptr; }
  /// Frees the memory of decode and in_memory, which are not called again.
  virtual void forget_pixels() {}
};

/// A path that was recognised.
struct OpenedPath {
  virtual ~OpenedPath() = default;
  /// The place of a split (as checked_split gives it; unset: the training images, or all if there are no splits) and
  /// domain within the path. Errors: MissingSplit; UserError (no such domain, more than one place).
  virtual std::string place(const std::optional<std::string>& split, const std::optional<std::string>& domain) = 0;
  /// Errors: MissingSplit, if only the content shows it; UserError (damaged, no images).
  virtual std::unique_ptr<Source> open(const std::string& place) = 0;
};

struct SourceKind {
  const char* name;         // "IDX"
  const char* description;  // for the error message that lists all formats
  bool (*recognises)(const std::filesystem::path& path);
  std::unique_ptr<OpenedPath> (*open)(const std::filesystem::path& path, const DataOptions& options);
};

/// The first kind that recognises `options.path` opens it. Errors: UserError (no path, nothing there, unknown format, a
/// folder with several kinds of data).
std::unique_ptr<OpenedPath> open_path(const DataOptions& options);
/// Accepts what earlier versions wrote into recipes of runs. Unsets the split "train" of data without splits, so that
/// all images are read, and gives options without an effect their defaults.
void accept_split_of_run(DataOptions& options);
/// The images of `options.split` and `options.domain`, with labels if needs_labels(options).
std::unique_ptr<Source> open_source(const DataOptions& options);

extern const SourceKind idx_source, cifar_source, zip_source, folder_source;

/// For kinds of sources without domains. Errors: UserError if there is one.
void refuse_domain(const std::filesystem::path& path, const std::optional<std::string>& domain);

/// A source whose decoded images are in memory, one after the other.
struct ArraySource : Source {
  ArraySource() { largest_in_memory = int64_t{1} << 30; }  // decoding takes almost no time
  std::shared_ptr<std::vector<uint8_t>> pixels = std::make_shared<std::vector<uint8_t>>();  // entries x H x W x C
  RasterShape each;
  RasterShape shape(int64_t) const override { return each; }
  Raster decode(int64_t entry) const override;
  std::shared_ptr<const uint8_t> in_memory() const override { return {pixels, pixels->data()}; }
  void forget_pixels() override { pixels.reset(); }
};

}  // namespace fqgan
