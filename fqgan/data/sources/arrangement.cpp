#include "fqgan/data/sources/arrangement.h"

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/sources/splits.h"

namespace fqgan {
namespace {

using Splits = std::map<std::string, std::string>;

// Those of a set with two domains that are of the wanted one.
Splits of_domain(const Splits& sided, const std::optional<std::string>& domain, const std::string& where) {
  if (!domain) {
    fail("data", where + ": expected data.domain for a set with two domains (" + sided.begin()->first +
                     ", ...), got none. Hint: set data.domain = \"A\" or \"B\"");
  }
  Splits result;
  for (const auto& [name, split] : sided)
    if (side_of(name) == *domain) result[name] = split;
  if (result.empty()) fail("data", where + ": expected folders of the domain '" + *domain + "', found none");
  return result;
}

// The folder of the split and domain, or "" where the folders are no splits (a class may be called "train").
std::string chosen(const std::set<std::string>& folders, const std::string& where, Wanted& wanted) {
  const auto enter = [&](const Splits& splits) {
    const auto name = name_of_split(splits, wanted.split, where);
    if (!wanted.split && splits.size() > 1)
      log_info_once("[data] " + where + ": '" + printable(name) + "' of the splits " +
                    printable(short_list(names_in(splits))) + " is read; data.split chooses another");
    wanted.found = true;
    return name;
  };
  if (const auto sided = splits_of(folders, /*sides=*/true); !sided.empty()) {
    const auto name = enter(of_domain(sided, wanted.domain, where));
    wanted.domain.reset();
    return name;
  }
  if (const auto splits = splits_of(folders); !splits.empty()) return enter(splits);
  // Other folders stand beside the splits. A split that was named is read; else they are classes.
  const auto splits = splits_among(folders);
  return splits.empty() || !wanted.split || wanted.found ? "" : enter(splits);
}

}  // namespace

Level level_at(const FileTree& tree, const std::string& prefix) {
  Level result;
  for (const auto& file : tree.files) {
    if (!file.name.starts_with(prefix)) continue;
    const auto rest = std::string_view(file.name).substr(prefix.size());
    if (rest == "dataset.json") result.json = true;
    if (!file.image) continue;
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) {
      result.images = true;
    } else {
      result.folders.emplace(rest.substr(0, slash));
    }
  }
  return result;
}

std::string root_of(const FileTree& tree, Wanted wanted) {
  const auto where = tree.where.string();
  std::string prefix;
  while (true) {
    const auto here = level_at(tree, prefix);
    std::string next;
    if (!here.json && !here.images && !here.folders.empty()) {
      next = chosen(here.folders, where, wanted);
      if (next.empty() && here.folders.size() == 1) {
        const auto& only = *here.folders.begin();
        const auto inner = level_at(tree, prefix + only + "/");
        if (!inner.images || inner.json) next = only;  // an outer folder; a single folder of images would be a class
      }
    }
    if (next.empty()) break;
    prefix += next + "/";
  }
  if (wanted.split && !wanted.found) fail_without_splits(*wanted.split, where);
  if (wanted.domain) {
    fail("data", where + ": expected folders of two domains (trainA, trainB) for data.domain = \"" + *wanted.domain +
                     "\", found none");
  }
  return prefix;
}

}  // namespace fqgan
