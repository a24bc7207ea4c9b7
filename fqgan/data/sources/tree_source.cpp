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
  std::shared_ptr<const FileTree> tree;
  std::string root;                   // the prefix of all names
  std::vector<FileTree::File> files;  // of the entries
  int64_t max_pixels = 0;

  std::string bytes(int64_t entry, int64_t count) const {
    const auto& file = files[static_cast<size_t>(entry)];
    // No codec needs more than 8 bytes per pixel, so that a larger file cannot be an image within the limit.
    if (file.size / 8 > max_pixels + (1 << 20))
      throw DecodeError(std::to_string(file.size) + " bytes: too large for an image");
    return tree->read(file, count);
  }
  RasterShape shape(int64_t entry) const override {
    constexpr int64_t usually_enough = 1 << 16;
    const auto size = files[static_cast<size_t>(entry)].size;
    try {
      return probe_raster(bytes(entry, usually_enough), max_pixels, size <= usually_enough);
    } catch (const DecodeError&) {
      if (size <= usually_enough) throw;  // else a long profile or preview may come before the pixels
      return probe_raster(bytes(entry, size), max_pixels);
    }
  }
  Raster decode(int64_t entry) const override {
    return decode_raster(bytes(entry, files[static_cast<size_t>(entry)].size), max_pixels);
  }
  void read_labels() override;
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
  if (!json.labels.empty())
    fail("data", where + ": expected only existing images, found a label for '" + json.labels.begin()->first + "'");
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

void TreeSource::read_labels() {
  const auto level = level_at(*tree, root);
  if (level.json)
    label_by_json(*this, root);
  else if (!level.images)
    label_by_folders(*this, root, level.folders);
  if (const auto* names = find_file(*tree, root + "class_names.txt")) class_names = lines_of(read_text(*tree, *names));
}

std::unique_ptr<Source> open_tree_source(std::shared_ptr<const FileTree> tree, const std::string& root,
                                         int64_t max_pixels) {
  auto source = std::make_unique<TreeSource>();
  source->max_pixels = max_pixels;
  source->manifest = tree->manifest;
  source->tree = tree;
  source->root = root;
  for (const auto& file : tree->files) {
    if (!file.name.starts_with(root) || !has_image_extension(file.name)) continue;
    source->entries.push_back({file.name, -1});
    source->files.push_back(file);
  }
  if (source->entries.empty()) fail_without_images(*tree);
  source->manifest.add(root);
  const auto level = level_at(*tree, root);
  if (level.images && !level.folders.empty() && !level.json) {
    fail(
        "data",
        tree->where.string() + ": holds both images and folders of images ('" + *level.folders.begin() +
            "'), expected only one of them. Hint: move the images into a folder, or give the path of the inner folder");
  }
  return source;
}

class TreePath : public OpenedPath {
 public:
  TreePath(std::function<std::filesystem::path(const std::string&)> file_of,
           std::function<std::unique_ptr<FileTree>(const std::filesystem::path&)> open, int64_t max_pixels)
      : file_of_(std::move(file_of)), open_(std::move(open)), max_pixels_(max_pixels) {}

  std::string place(const std::string& split, const std::optional<std::string>& domain) override {
    const auto file = file_of_(split);
    auto& tree = trees_[file];
    if (!tree) tree = open_(file);
    const auto root = root_of(*tree, split, domain);
    const auto name = (file / root).string();
    places_[name] = {tree, root};
    return name;
  }
  std::unique_ptr<Source> open(const std::string& place) override {
    const auto& [tree, root] = places_.at(place);
    return open_tree_source(tree, root, max_pixels_);
  }

 private:
  std::function<std::filesystem::path(const std::string&)> file_of_;
  std::function<std::unique_ptr<FileTree>(const std::filesystem::path&)> open_;
  int64_t max_pixels_;
  std::map<std::filesystem::path, std::shared_ptr<const FileTree>> trees_;
  std::map<std::string, std::pair<std::shared_ptr<const FileTree>, std::string>> places_;
};

}  // namespace

std::unique_ptr<OpenedPath> open_tree_path(std::function<std::filesystem::path(const std::string&)> file_of,
                                           std::function<std::unique_ptr<FileTree>(const std::filesystem::path&)> open,
                                           int64_t max_pixels) {
  return std::make_unique<TreePath>(std::move(file_of), std::move(open), max_pixels);
}

}  // namespace fqgan
