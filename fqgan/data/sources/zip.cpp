// A zip of images or of class folders; or a folder that holds train.zip and test.zip.
#include <fstream>

#include "fqgan/data/sources/tree_source.h"

namespace fqgan {
namespace {

std::filesystem::path archive_of(const std::filesystem::path& path, const DataOptions& options) {
  return std::filesystem::is_directory(path) ? path / (options.split + ".zip") : path;
}

}  // namespace

const SourceKind zip_source{"zip", "a zip of either",
                            [](const std::filesystem::path& path, const DataOptions& options) {
                              std::ifstream input(archive_of(path, options), std::ios::binary);
                              char magic[2] = {};
                              return input.read(magic, 2) && magic[0] == 'P' && magic[1] == 'K';
                            },
                            [](const std::filesystem::path& path, const DataOptions& options) {
                              return open_tree_source(open_zip_tree(archive_of(path, options)), options);
                            }};

}  // namespace fqgan
