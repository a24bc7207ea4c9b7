// How images are arranged in a folder or archive, and where in it the part that was asked for begins.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "fqgan/data/archives/file_tree.h"

namespace fqgan {

/// What lies directly under a prefix such as "" or "train/".
struct Level {
  std::set<std::string> folders;  // that hold images at any depth
  bool images = false, json = false;
};
Level level_at(const FileTree& tree, const std::string& prefix);

/// The prefix under which the images or the class folders begin: folders that wrap everything are entered, then the one
/// of the split (train, test, val, ...) and domain (trainA, trainB, ...). Errors: UserError (split or domain not
/// there).
std::string root_of(const FileTree& tree, const std::string& split, const std::optional<std::string>& domain);

}  // namespace fqgan
