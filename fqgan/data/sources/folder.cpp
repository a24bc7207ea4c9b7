// A folder of images, or with one folder per class.
#include "fqgan/data/sources/tree_source.h"

namespace fqgan {
namespace {

using std::filesystem::path;

path folder_itself(const path& given, const std::optional<std::string>&) { return given; }

}  // namespace

const SourceKind folder_source{"folder", "a folder of PNG, JPEG or WebP images, or with one folder per class",
                               [](const path& given) { return std::filesystem::is_directory(given); },
                               [](const path& given, const DataOptions& options) {
                                 return open_tree_path(given, folder_itself, open_folder_tree, options.max_pixels);
                               }};

}  // namespace fqgan
