#include "fqgan/data/sources/source.h"

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

const SourceKind* const kinds[] = {&idx_source, &cifar_source, &zip_source, &folder_source};

}  // namespace

std::unique_ptr<Source> open_source(const DataOptions& options) {
  if (!options.path || options.path->empty()) {
    fail("data", "path: expected a file or folder of images, got nothing. Hint: --data PATH");
  }
  const std::filesystem::path path(*options.path);
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) fail("data", path.string() + ": no such file or folder");
  std::string known;
  for (const auto* kind : kinds) {
    if (kind->recognises(path, options)) return kind->open(path, options);
    known += std::string(known.empty() ? "" : "; ") + kind->description;
  }
  fail("data", path.string() + ": not a data set. Expected one of: " + known);
}

Raster ArraySource::decode(int64_t entry) const {
  Raster image(each);
  const int64_t pixels = each.height * each.width;
  const uint8_t* from = planar.data() + entry * each.bytes();
  for (int64_t c = 0; c < each.channels; ++c) {
    for (int64_t i = 0; i < pixels; ++i) image.bytes[static_cast<size_t>(i * each.channels + c)] = *from++;
  }
  return image;
}

}  // namespace fqgan
