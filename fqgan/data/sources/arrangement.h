// Finds where the images of a split and domain begin in a folder or archive.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "fqgan/data/archives/file_tree.h"

namespace fqgan {

/// The content directly under a prefix such as "" or "train/".
struct Level {
  std::set<std::string> folders;  // folders with images at any depth
  bool images = false, json = false;
};
Level level_at(const FileTree& tree, const std::string& prefix);

/// The prefix under which the images or the class folders begin. Enters outer folders that hold everything, then the
/// folder of the split (train, test, val, ...) and domain (trainA, trainB, ...). Errors: UserError (no such split or
/// domain).
std::string root_of(const FileTree& tree, const std::string& split, const std::optional<std::string>& domain);

}  // namespace fqgan
