#include "fqgan/data/sources/tree_source.h"

#include <algorithm>
#include <map>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/sources/arrangement.h"
#include "fqgan/data/sources/class_names.h"
#include "fqgan/data/sources/dataset_json.h"
#include "fqgan/data/sources/splits.h"

namespace fqgan {
namespace {

using Names = std::vector<std::string>;

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
  if (tree.not_read.empty()) fail("data", what + "nothing");
  const auto kinds = not_read_text(tree);
  fail("data", what + "none among " + plural(static_cast<int64_t>(tree.not_read.size()), "file") + " such as '" +
                   printable(tree.not_read[0].name) + "'" + (kinds.empty() ? "" : ". Not read: " + kinds));
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

// The class folders, sorted, without the one of images that have no class.
Names class_folders(const std::set<std::string>& folders) {
  Names result;
  for (const auto& folder : folders)
    if (folders.size() == 1 || split_named(folder) != "unlabelled") result.push_back(folder);
  return result;
}

void label_by_folders(TreeSource& source, const std::string& root, const std::set<std::string>& folders,
                      const Names& names, const std::string& names_from) {
  const auto classes = class_folders(folders);
  warn_of_equal_names(classes, source.tree->where.string());
  const auto lines = lines_of_folders(classes, names, names_from);
  std::map<std::string, int64_t> labels;
  for (size_t k = 0; k < classes.size(); ++k) labels[classes[k]] = lines[k];
  for (size_t i = 0; i < source.entries.size(); ++i) {
    const auto& name = source.files[i].name;
    const auto label = labels.find(name.substr(root.size(), name.find('/', root.size()) - root.size()));
    source.entries[i].label = label == labels.end() ? -1 : label->second;
  }
  source.class_names = names.empty() ? classes : names;
}

// Labels of what is not among the images: of files of another kind, which is said, or of no files at all.
void check_other_labels(const FileTree& tree, const std::string& root, const std::map<std::string, int64_t>& labels,
                        const std::string& where) {
  Names unread, missing;
  for (const auto& [name, label] : labels) (tree.has_besides_images(root + name) ? unread : missing).push_back(name);
  if (!missing.empty())
    fail("data", where + ": expected labels of existing files, found " + plural(std::ssize(missing), "label") +
                     " of files that do not exist: " + printable(short_list(missing, 3)) +
                     ". Hint: remove these labels, or put the files back");
  if (!unread.empty())
    log_info("[data] " + where + ": " + plural(std::ssize(unread), "label") +
             " of files that are not read as images, such as '" + printable(unread.front()) + "'");
}

void label_by_json(TreeSource& source, const std::string& root, const Names& names) {
  const auto file = root + "dataset.json";
  const auto where = source.tree->where.string() + ": " + file;
  auto json = parse_dataset_json(read_text(*source.tree, *find_file(*source.tree, file)), where);
  for (size_t i = 0; i < source.entries.size(); ++i) {
    const auto found = json.labels.find(source.files[i].name.substr(root.size()));
    if (found == json.labels.end()) continue;
    source.entries[i].label = found->second;
    json.labels.erase(found);
  }
  check_other_labels(*source.tree, root, json.labels, where);
  source.class_names = names.empty() ? std::move(json.class_names) : names;
}

// The file of class names beside the images, or beside the folders that they are in. Null if there is none.
const FileTree::File* names_file(const FileTree& tree, std::string folder) {
  while (true) {
    if (const auto* file = find_file(tree, folder + "class_names.txt")) return file;
    if (folder.empty()) return nullptr;
    const auto above = folder.rfind('/', folder.size() - 2);
    folder.resize(folder.size() < 2 || above == std::string::npos ? 0 : above + 1);
  }
}

void TreeSource::read_labels() {
  const auto level = level_at(*tree, root);
  Names names;
  std::string where;
  if (const auto* file = names_file(*tree, root)) {
    where = tree->where.string() + ": " + file->name;
    names = names_by_line(read_text(*tree, *file), where);
    check_class_names(names, where);
  }
  if (level.json)
    label_by_json(*this, root, names);
  else if (!level.images)
    label_by_folders(*this, root, level.folders, names, where);
}

// The folders beside the class folders that hold files, but no image.
std::vector<std::string> folders_without_image(const FileTree& tree, const std::string& root, const Level& level) {
  std::set<std::string> found;
  const auto add = [&](const std::string& name) {
    const auto end = name.find('/', root.size());
    if (!name.starts_with(root) || end == std::string::npos) return;
    const auto folder = name.substr(root.size(), end - root.size());
    if (!level.folders.contains(folder)) found.insert(folder);
  };
  for (const auto& file : tree.files) add(file.name);
  for (const auto& file : tree.not_read) add(file.name);
  for (const auto& folder : tree.folders()) add(folder + "/");
  return {found.begin(), found.end()};
}

// The names of folders in the class folders that stand for splits, such as cat/train and cat/test.
std::set<std::string> splits_in_classes(const FileTree& tree, const std::string& root) {
  std::set<std::string> names;
  for (const auto& file : tree.files) {
    if (!file.image || !file.name.starts_with(root)) continue;
    const auto begin = file.name.find('/', root.size());
    const auto end = begin == std::string::npos ? begin : file.name.find('/', begin + 1);
    if (end == std::string::npos) return {};
    names.insert(file.name.substr(begin + 1, end - begin - 1));
  }
  return splits_of(names).empty() ? std::set<std::string>{} : names;
}

// What is not read, and what is not what it looks like.
void say_what_is_left(const FileTree& tree, const std::string& root, const Level& level) {
  const auto where = "[data] " + tree.where.string() + (root.empty() ? "" : "/" + printable(root)) + ": ";
  if (const auto text = not_read_text(tree, root); !text.empty()) log_info(where + "not read: " + text);
  if (level.json || level.images) return;
  if (const auto empty = folders_without_image(tree, root, level); !empty.empty())
    log_warning(where + "folders without an image are no classes: " + printable(short_list(empty)));
  if (const auto inner = splits_in_classes(tree, root); !inner.empty())
    log_info(
        where + "all of " + printable(short_list({inner.begin(), inner.end()})) +
        " are read, although they look like splits. Hint: splits are outside of the classes (train/cat, test/cat)");
  const auto splits = splits_among(level.folders);
  if (splits.empty()) return;
  log_info(where + "folders look like splits, but are read as classes: " + printable(short_list(names_in(splits))) +
           ". data.split = \"" + splits.begin()->second + "\" reads '" + printable(splits.begin()->first) + "' alone");
}

std::unique_ptr<Source> open_tree_source(std::shared_ptr<const FileTree> tree, const std::string& root,
                                         int64_t max_pixels) {
  auto source = std::make_unique<TreeSource>();
  source->max_pixels = max_pixels;
  source->manifest = tree->manifest;
  source->tree = tree;
  source->root = root;
  for (const auto& file : tree->files) {
    if (!file.name.starts_with(root) || !file.image) continue;
    source->entries.push_back({printable(file.name), -1});
    source->files.push_back(file);
  }
  if (source->entries.empty()) fail_without_images(*tree);
  source->manifest.add(root);
  const auto level = level_at(*tree, root);
  if (level.images && !level.folders.empty() && !level.json) {
    fail(
        "data",
        tree->where.string() + ": holds both images and folders of images ('" + printable(*level.folders.begin()) +
            "'), expected only one of them. Hint: move the images into a folder, or give the path of the inner folder");
  }
  say_what_is_left(*tree, root, level);
  return source;
}

class TreePath : public OpenedPath {
 public:
  TreePath(std::filesystem::path given, FileOfSplit file_of, OpenTree open, int64_t max_pixels)
      : given_(std::move(given)), file_of_(file_of), open_(open), max_pixels_(max_pixels) {}

  std::string place(const std::optional<std::string>& split, const std::optional<std::string>& domain) override {
    const auto file = file_of_(given_, split);
    auto& tree = trees_[file];
    if (!tree) tree = open_(file);
    const auto root = root_of(*tree, {split, domain, /*found=*/file != given_});
    const auto name = (file / root).string();
    places_[name] = {tree, root};
    return name;
  }
  std::unique_ptr<Source> open(const std::string& place) override {
    const auto& [tree, root] = places_.at(place);
    return open_tree_source(tree, root, max_pixels_);
  }

 private:
  std::filesystem::path given_;
  FileOfSplit file_of_;
  OpenTree open_;
  int64_t max_pixels_;
  std::map<std::filesystem::path, std::shared_ptr<const FileTree>> trees_;
  std::map<std::string, std::pair<std::shared_ptr<const FileTree>, std::string>> places_;
};

}  // namespace

std::unique_ptr<OpenedPath> open_tree_path(const std::filesystem::path& given, FileOfSplit file_of, OpenTree open,
                                           int64_t max_pixels) {
  return std::make_unique<TreePath>(given, file_of, open, max_pixels);
}

}  // namespace fqgan
