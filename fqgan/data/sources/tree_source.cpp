#include "fqgan/data/sources/tree_source.h"

#include <algorithm>
#include <map>
#include <sstream>

#include "fqgan/core/error.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/sources/arrangement.h"
#include "fqgan/data/sources/dataset_json.h"

namespace fqgan {
namespace {

struct TreeSource : Source {
  std::unique_ptr<FileTree> tree;
  std::vector<FileTree::File> files;  // of the entries
  int64_t max_pixels = 0;

  std::string bytes(int64_t entry, int64_t count) const {
    const auto& file = files[static_cast<size_t>(entry)];
    // No codec needs more than 8 bytes a pixel, so a larger file is no image that we would decode.
    if (file.size / 8 > max_pixels + (1 << 20)) throw DecodeError(std::to_string(file.size) + " bytes: too large");
    return tree->read(file, count);
  }
  RasterShape shape(int64_t entry) const override {
    constexpr int64_t usually_enough = 1 << 16;
    const auto size = files[static_cast<size_t>(entry)].size;
    try {
      return probe_raster(bytes(entry, usually_enough), max_pixels);
    } catch (const DecodeError&) {
      if (size <= usually_enough) throw;  // else: a long profile or preview stands before the pixels
      return probe_raster(bytes(entry, size), max_pixels);
    }
  }
  Raster decode(int64_t entry) const override {
    return decode_raster(bytes(entry, files[static_cast<size_t>(entry)].size), max_pixels);
  }
};

[[noreturn]] void fail_without_images(const FileTree& tree) {
  const std::string what = tree.where.string() + ": expected PNG, JPEG or WebP images, found ";
  if (tree.files.empty()) fail("data", what + "nothing");
  fail("data",
       what + "none among " + std::to_string(tree.files.size()) + " files such as '" + tree.files[0].name + "'");
}

const FileTree::File* find_file(const FileTree& tree, const std::string& name) {
  for (const auto& file : tree.files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

std::string read_text(const FileTree& tree, const FileTree::File& file) {
  constexpr int64_t limit = 1 << 30;
  if (file.size > limit) fail("data", tree.where.string() + ": " + file.name + " is larger than 1 GiB");
  try {
    return tree.read(file, limit);
  } catch (const DecodeError& error) {
    fail("data", tree.where.string() + ": " + file.name + ": " + error.what());
  }
}

void label_by_folders(TreeSource& source, const std::string& root, const std::set<std::string>& folders) {
  std::map<std::string, int64_t> classes;
  for (const auto& folder : folders) {
    const bool none = folders.size() > 1 && (folder == "unlabelled" || folder == "unlabeled");
    classes[folder] = none ? -1 : static_cast<int64_t>(source.class_names.size());
    if (!none) source.class_names.push_back(folder);
  }
  for (auto& entry : source.entries) {
    entry.label = classes.at(entry.name.substr(root.size(), entry.name.find('/', root.size()) - root.size()));
  }
}

void label_by_json(TreeSource& source, const std::string& root) {
  const auto name = root + "dataset.json";
  const auto where = source.tree->where.string() + ": " + name;
  auto json = parse_dataset_json(read_text(*source.tree, *find_file(*source.tree, name)), where);
  for (auto& entry : source.entries) {
    const auto found = json.labels.find(entry.name.substr(root.size()));
    if (found == json.labels.end()) continue;
    entry.label = found->second;
    json.labels.erase(found);
  }
  if (!json.labels.empty()) fail("data", where + ": names '" + json.labels.begin()->first + "', which is not there");
  source.class_names = std::move(json.class_names);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::unique_ptr<Source> open_tree_source(std::unique_ptr<FileTree> tree, const DataOptions& options) {
  auto source = std::make_unique<TreeSource>();
  source->max_pixels = options.max_pixels;
  source->manifest = tree->manifest;
  source->tree = std::move(tree);
  const auto root = root_of(*source->tree, options);
  for (const auto& file : source->tree->files) {
    if (!file.name.starts_with(root) || !has_image_extension(file.name)) continue;
    source->entries.push_back({file.name, -1});
    source->files.push_back(file);
  }
  if (source->entries.empty()) fail_without_images(*source->tree);
  source->manifest.add(root);
  const auto level = level_at(*source->tree, root);
  if (level.images && !level.folders.empty() && !level.json) {
    fail("data", source->tree->where.string() + ": holds both images and folders of images ('" +
                     *level.folders.begin() +
                     "'). Expected one or the other. Hint: move the images into a folder, or give the folder's path");
  }
  if (!options.labels) return source;
  if (level.json)
    label_by_json(*source, root);
  else if (!level.images)
    label_by_folders(*source, root, level.folders);
  if (const auto* names = find_file(*source->tree, root + "class_names.txt")) {
    source->class_names = lines_of(read_text(*source->tree, *names));
  }
  return source;
}

}  // namespace fqgan
