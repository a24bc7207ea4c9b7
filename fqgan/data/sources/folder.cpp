// A folder of images, or with one folder per class.
#include "fqgan/data/sources/tree_source.h"

namespace fqgan {

const SourceKind folder_source{"folder", "a folder of PNG, JPEG or WebP images, or with one folder per class",
                               [](const std::filesystem::path& path) { return std::filesystem::is_directory(path); },
                               [](const std::filesystem::path& path, const DataOptions& options) {
                                 return open_tree_path([path](const std::string&) { return path; }, open_folder_tree,
                                                       options.max_pixels);
                               }};

}  // namespace fqgan
