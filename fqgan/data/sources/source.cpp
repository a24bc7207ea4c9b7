#include "fqgan/data/sources/source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/file_tree.h"
#include "fqgan/data/selection.h"
#include "fqgan/data/sources/splits.h"
#include "fqgan/data/unused_options.h"

namespace fqgan {
namespace {

const SourceKind* const kinds[] = {&idx_source, &cifar_source, &zip_source, &folder_source};

void check_readable(const std::filesystem::path& path) {
  std::error_code problem;
  const auto kind = std::filesystem::status(path, problem).type();
  if (kind == std::filesystem::file_type::not_found) fail("data", path.string() + ": no such file or folder");
  const int wanted = kind == std::filesystem::file_type::directory ? R_OK | X_OK : R_OK;
  if (faccessat(AT_FDCWD, path.c_str(), wanted, AT_EACCESS) != 0)
    fail("data", path.string() + ": cannot be read (" + std::strerror(errno) + "). Hint: check its permissions");
}

// A folder has one kind of data: an archive that lies beside class folders must not hide them.
void refuse_more_kinds(const std::filesystem::path& folder, const std::vector<const SourceKind*>& found) {
  std::vector<std::string> parts;
  for (const auto* kind : found)
    if (kind != &folder_source) parts.push_back(std::string(kind->name) + " files");
  if (parts.empty()) return;
  const auto tree = open_folder_tree(folder);
  const auto image =
      std::find_if(tree->files.begin(), tree->files.end(), [](const FileTree::File& file) { return file.image; });
  if (image != tree->files.end()) parts.push_back("images ('" + printable(image->name) + "')");
  if (parts.size() > 1)
    fail("data", folder.string() + ": expected one kind of data, found " + join(parts, " and ") +
                     ". Hint: give the path of those that are meant, or move the others to another folder");
}

}  // namespace

std::unique_ptr<OpenedPath> open_path(const DataOptions& options) {
  if (!options.path || options.path->empty()) {
    fail("data", "path: expected a file or folder of images, got none. Hint: use --data PATH");
  }
  if (!is_utf8(*options.path)) {
    fail("data", printable(*options.path) + ": expected a path in UTF-8, as recipes and results are. Hint: rename it");
  }
  const std::filesystem::path path(*options.path);
  check_readable(path);
  std::vector<const SourceKind*> found;
  std::vector<std::string> known;
  for (const auto* kind : kinds) {
    if (kind->recognises(path)) found.push_back(kind);
    known.push_back(kind->description);
  }
  if (std::filesystem::is_directory(path)) refuse_more_kinds(path, found);
  if (!found.empty()) return found[0]->open(path, options);
  fail("data", path.string() + ": the format is not known. Expected one of: " + join(known, "; "));
}

void accept_split_of_run(DataOptions& options) {
  reset_unused_options(options);
  if (options.split != "train") return;
  try {
    const auto path = open_path(options);
    try {
      path->place(options.split, options.domain);
    } catch (const MissingSplit&) {
      path->place(std::nullopt, options.domain);
      log_info("[data] " + *options.path +
               ": all images are read, since there are no splits for data.split = \"train\"");
      options.split.reset();
    }
  } catch (const UserError&) {  // whoever opens the data throws it again
  }
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
