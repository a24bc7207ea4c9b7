// The names of splits: which folders, archives and files are the training images, the test images and so on.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fqgan/core/error.h"

namespace fqgan {

/// The data has no such split.
struct MissingSplit : UserError {
  using UserError::UserError;
};

/// The split of a name in any case, such as "train" of "Training" and "val" of "validation"; "" for any other name.
std::string split_named(const std::string& name);
/// The same for data.split, whose unset value stays unset. Errors: UserError for a name that stands for no split.
std::optional<std::string> checked_split(const std::optional<std::string>& split);

/// The split of each name, if the names are those of splits: each stands for one, perhaps between the same other words
/// ("cars_train" and "cars_test"), and one of them for training or test images. `sides`: names with a domain after the
/// split ("trainA"). Empty for any other names.
std::map<std::string, std::string> splits_of(const std::set<std::string>& names, bool sides = false);
/// The side of a name such as "trainA", or "".
std::string side_of(const std::string& name);
/// The splits of those names that could stand for one, whatever the others are; empty if none stands for
/// training or test images.
std::map<std::string, std::string> splits_among(const std::set<std::string>& names);
std::vector<std::string> names_in(const std::map<std::string, std::string>& splits);

/// The name that stands for `split` (unset: the training images). The test images are the validation images where there
/// are no others. Errors: MissingSplit; UserError if two names stand for the split. `where` begins the message.
std::string name_of_split(const std::map<std::string, std::string>& splits, const std::optional<std::string>& split,
                          const std::string& where);
[[noreturn]] void fail_without_splits(const std::string& split, const std::string& where);

}  // namespace fqgan
