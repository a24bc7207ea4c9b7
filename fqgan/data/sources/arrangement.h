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

/// The images that are wanted. An unset split means the training images where there are splits, else all images.
struct Wanted {
  std::optional<std::string> split, domain;
  bool found = false;  // the split is known from the archive's name, so that its content need not have splits
};

/// The prefix under which the images or the class folders begin. Enters outer folders that hold everything, then the
/// folder of the split (train, test, val, ...) and domain (trainA, trainB, ...). Errors: MissingSplit; UserError (no
/// such domain, two folders for the split).
std::string root_of(const FileTree& tree, Wanted wanted);

}  // namespace fqgan
