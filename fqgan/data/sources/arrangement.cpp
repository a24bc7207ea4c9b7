#include "fqgan/data/sources/arrangement.h"

#include <algorithm>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/data/images/decode.h"

namespace fqgan {
namespace {

const std::vector<std::string> train_names = {"train", "training"};
const std::vector<std::string> test_names = {"test", "testing", "val", "valid", "validation"};

bool is_split(const std::string& folder) {
  const auto in = [&](const auto& names) { return std::find(names.begin(), names.end(), folder) != names.end(); };
  return in(train_names) || in(test_names);
}

bool is_sided_split(const std::string& folder) {  // "trainA"
  return (folder.ends_with('A') || folder.ends_with('B')) && is_split(folder.substr(0, folder.size() - 1));
}

// The folder of the split and domain, if all folders are splits (a class may be called "train"); else "".
std::string chosen(const std::set<std::string>& folders, const std::string& where, const std::string& split,
                   const std::optional<std::string>& domain) {
  const bool plain = std::all_of(folders.begin(), folders.end(), is_split);
  const bool sided = std::all_of(folders.begin(), folders.end(), is_sided_split);
  if (!plain && !sided) return "";
  if (sided && !domain) {
    fail("data", where + ": expected data.domain for a set with two domains (" + *folders.begin() +
                     ", ...), got none. Hint: set data.domain = \"A\" or \"B\"");
  }
  for (const auto& name : split == "train" ? train_names : test_names) {
    if (const auto folder = name + (sided ? *domain : ""); folders.contains(folder)) return folder;
  }
  fail("data", where + ": expected a folder for the split '" + split + "'" +
                   (sided ? " and the domain '" + *domain + "'" : "") + ", found only '" + *folders.begin() + "'");
}

}  // namespace

Level level_at(const FileTree& tree, const std::string& prefix) {
  Level result;
  for (const auto& file : tree.files) {
    if (!file.name.starts_with(prefix)) continue;
    const auto rest = std::string_view(file.name).substr(prefix.size());
    if (rest == "dataset.json") result.json = true;
    if (!has_image_extension(rest)) continue;
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) {
      result.images = true;
    } else {
      result.folders.emplace(rest.substr(0, slash));
    }
  }
  return result;
}

std::string root_of(const FileTree& tree, const std::string& split, const std::optional<std::string>& domain) {
  std::string prefix;
  while (true) {
    const auto here = level_at(tree, prefix);
    if (here.json || here.images || here.folders.empty()) return prefix;
    std::string next = chosen(here.folders, tree.where.string(), split, domain);
    if (next.empty() && here.folders.size() == 1) {
      const auto& only = *here.folders.begin();
      const auto inner = level_at(tree, prefix + only + "/");
      if (!inner.images || inner.json) next = only;  // an outer folder; a single folder of images would be a class
    }
    if (next.empty()) return prefix;
    prefix += next + "/";
  }
}

}  // namespace fqgan
