// Images in a folder or an archive, and what their arrangement says of labels:
//   images alone                        no labels
//   class folders                       sorted names are the classes; "unlabelled" is none
//   dataset.json                        labels as StyleGAN2-ADA writes them: {"labels": [["name", 3], ...]}
//   train/ test/, trainA/ trainB/ ...   one of these within, chosen by `split` and `domain`
#pragma once

#include <memory>

#include "fqgan/data/archives/file_tree.h"
#include "fqgan/data/sources/source.h"

namespace fqgan {

/// Errors: UserError (no images, images beside folders of images, a wrong dataset.json, a domain that is not given).
std::unique_ptr<Source> open_tree_source(std::unique_ptr<FileTree> tree, const DataOptions& options);

}  // namespace fqgan
