// Images in a folder or an archive. Their arrangement gives the labels:
//   images alone                        no labels
//   one folder per class                the sorted names are the classes; "unlabelled" is no class
//   dataset.json                        labels as StyleGAN2-ADA writes them: {"labels": [["name", 3], ...]}
//   train/ test/, trainA/ trainB/ ...   one of the above in each, chosen by `split` and `domain`
#pragma once

#include <memory>
#include <optional>

#include "fqgan/data/archives/file_tree.h"
#include "fqgan/data/sources/source.h"

namespace fqgan {

/// `file_of`: the folder or archive of a split within the given path; `open`: opens it, once. Errors of the returned
/// object: MissingSplit; UserError (no images, images beside folders of images, a wrong dataset.json, no such domain).
using FileOfSplit = std::filesystem::path (*)(const std::filesystem::path& given,
                                              const std::optional<std::string>& split);
using OpenTree = std::unique_ptr<FileTree> (*)(const std::filesystem::path&);
std::unique_ptr<OpenedPath> open_tree_path(const std::filesystem::path& given, FileOfSplit file_of, OpenTree open,
                                           int64_t max_pixels);

}  // namespace fqgan
