// A zip of images or with one folder per class; or a folder that holds train.zip and test.zip.
#include <fstream>

#include "fqgan/core/error.h"
#include "fqgan/data/sources/tree_source.h"

namespace fqgan {
namespace {

using std::filesystem::path;

bool is_zip(const path& file) {
  std::ifstream input(file, std::ios::binary);
  char magic[2] = {};
  return input.read(magic, 2) && magic[0] == 'P' && magic[1] == 'K';
}

path archive_of(const path& given, const std::string& split) {
  if (!std::filesystem::is_directory(given)) return given;
  const auto file = given / (split + ".zip");
  if (!std::filesystem::exists(file))
    fail("data", given.string() + ": expected an archive of the split '" + split + "' (" + split + ".zip), found none");
  return file;
}

}  // namespace

const SourceKind zip_source{
    "zip", "a zip of images or with one folder per class",
    [](const path& given) {
      return std::filesystem::is_directory(given) ? is_zip(given / "train.zip") || is_zip(given / "test.zip")
                                                  : is_zip(given);
    },
    [](const path& given, const DataOptions& options) {
      return open_tree_path([given](const std::string& split) { return archive_of(given, split); }, open_zip_tree,
                            options.max_pixels);
    }};

}  // namespace fqgan
