#include "fqgan/data/sources/source.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/data/selection.h"
#include "fqgan/data/sources/splits.h"

namespace fqgan {
namespace {

const SourceKind* const kinds[] = {&idx_source, &cifar_source, &zip_source, &folder_source};

}  // namespace

std::unique_ptr<OpenedPath> open_path(const DataOptions& options) {
  if (!options.path || options.path->empty()) {
    fail("data", "path: expected a file or folder of images, got none. Hint: use --data PATH");
  }
  if (!is_utf8(*options.path)) {
    fail("data", printable(*options.path) + ": expected a path in UTF-8, as recipes and results are. Hint: rename it");
  }
  const std::filesystem::path path(*options.path);
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) fail("data", path.string() + ": no such file or folder");
  std::string known;
  for (const auto* kind : kinds) {
    if (kind->recognises(path)) return kind->open(path, options);
    known += std::string(known.empty() ? "" : "; ") + kind->description;
  }
  fail("data", path.string() + ": the format is not known. Expected one of: " + known);
}

std::unique_ptr<Source> open_source(const DataOptions& options) {
  const auto path = open_path(options);
  auto source = path->open(path->place(checked_split(options.split), options.domain));
  if (needs_labels(options)) source->read_labels();
  return source;
}

void refuse_domain(const std::filesystem::path& path, const std::optional<std::string>& domain) {
  if (domain)
    fail("data", path.string() + ": expected a folder or zip with two domains (trainA, trainB) for data.domain = \"" +
                     *domain + "\", found none");
}

Raster ArraySource::decode(int64_t entry) const {
  Raster image(each);
  std::copy_n(pixels->begin() + entry * each.bytes(), each.bytes(), image.bytes.begin());
  return image;
}

}  // namespace fqgan
