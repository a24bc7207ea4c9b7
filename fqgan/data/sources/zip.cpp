// A zip of images or with one folder per class; or a folder that holds one zip for each split.
#include <algorithm>
#include <fstream>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/data/sources/splits.h"
#include "fqgan/data/sources/tree_source.h"

namespace fqgan {
namespace {

using std::filesystem::path;

bool is_zip(const path& file) {
  std::ifstream input(file, std::ios::binary);
  char magic[2] = {};
  return input.read(magic, 2) && magic[0] == 'P' && magic[1] == 'K';
}

// The zips of a folder that holds one for each split.
std::map<std::string, std::string> split_archives(const path& folder) {
  std::set<std::string> names;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder, problem))
    if (lower(entry.path().extension().string()) == ".zip") names.insert(entry.path().filename().string());
  std::set<std::string> stems;
  for (const auto& name : names) stems.insert(path(name).stem().string());
  const auto splits = splits_of(stems);
  std::map<std::string, std::string> result;
  for (const auto& name : names)
    if (const auto found = splits.find(path(name).stem().string()); found != splits.end()) result[name] = found->second;
  return result;
}

path archive_of(const path& given, const std::optional<std::string>& split) {
  if (!std::filesystem::is_directory(given)) return given;
  return given / name_of_split(split_archives(given), split, given.string());
}

bool recognises(const path& given) {
  if (!std::filesystem::is_directory(given)) return is_zip(given);
  const auto archives = split_archives(given);
  return std::any_of(archives.begin(), archives.end(), [&](const auto& one) { return is_zip(given / one.first); });
}

std::unique_ptr<OpenedPath> open(const path& given, const DataOptions& options) {
  return open_tree_path(given, archive_of, open_zip_tree, options.max_pixels);
}

}  // namespace

const SourceKind zip_source{"zip", "a zip of images or with one folder per class", recognises, open};

}  // namespace fqgan
