// What folders and archives have in common: names, and which files are images.
#include "fqgan/data/archives/file_tree.h"

#include <algorithm>
#include <map>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/run_marker.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/file_names.h"
#include "fqgan/data/images/decode.h"
#include "fqgan/data/parallel.h"

namespace fqgan {
namespace {

bool is_image(const FileTree& tree, const FileTree::File& file) {
  try {
    return begins_as_image(tree.read(file, 12));
  } catch (const DecodeError&) {
    return false;
  }
}

std::string count_text(int64_t count, const std::string& kind) {
  if (kind.empty()) return plural(count, "file") + " without an ending";
  return kind.starts_with('.') ? std::to_string(count) + " " + printable(kind) : plural(count, kind);
}

}  // namespace

std::string plain_name(const std::string& name) {
  auto text = name;
  const auto last = text.rfind('/');
  std::replace(text.begin() + (last == std::string::npos ? 0 : static_cast<int64_t>(last)), text.end(), '\\', '/');
  std::string result;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('/', begin), text.size());
    const auto part = text.substr(begin, end - begin);
    if (!part.empty() && part != ".") result += (result.empty() ? "" : "/") + part;
    begin = end + 1;
  }
  return result;
}

bool FileTree::leave_out_of_other_tools(const std::string& name) {
  const auto part = part_of_other_tools(name);
  if (!part.empty()) of_other_tools_.insert(part);
  return !part.empty();
}

void FileTree::add(File file) {
  file.name = plain_name(file.name);
  if (!leave_out_of_other_tools(file.name)) files.push_back(std::move(file));
}

bool FileTree::has_besides_images(const std::string& name) const {
  const auto before = [](const auto& file, const std::string& wanted) { return file.name < wanted; };
  const auto file = std::lower_bound(files.begin(), files.end(), name, before);
  if (file != files.end() && file->name == name) return !file->image;
  const auto other = std::lower_bound(not_read.begin(), not_read.end(), name, before);
  if (other != not_read.end() && other->name == name) return true;
  for (auto end = name.find('/'); true; end = name.find('/', end + 1)) {
    const auto folder = name.substr(0, end);
    if (runs_.contains(folder) || of_other_tools_.contains(folder)) return true;
    if (end == std::string::npos) return false;
  }
}

// Whether there is a file or folder of this name, once the files are sorted.
bool FileTree::holds(const std::string& name) const {
  const auto at_or_behind = [this](const std::string& wanted) {
    const auto before = [](const File& file, const std::string& other) { return file.name < other; };
    const auto found = std::lower_bound(files.begin(), files.end(), wanted, before);
    return found == files.end() ? "" : found->name;
  };
  return folders_.contains(name) || at_or_behind(name) == name || at_or_behind(name + "/").starts_with(name + "/");
}

// The folders that are runs, as is_run_folder tells them, with '/' at the end.
std::vector<std::string> FileTree::run_folders() const {
  std::vector<std::string> result;
  for (const auto& file : files) {
    const auto folder = file.name.substr(0, file.name.rfind('/') + 1);
    if (file.name.substr(folder.size()) != run_marker) continue;
    if (std::any_of(std::begin(beside_run_marker), std::end(beside_run_marker),
                    [&](const char* name) { return holds(folder + name); }))
      result.push_back(folder);
  }
  return result;
}

void FileTree::fail_as_run() const {
  fail("data", where.string() + ": expected images, found a run of fqgan. Hint: give the place of the images");
}

void FileTree::sort_out() {
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.name < b.name; });
  for (size_t i = 1; i < files.size(); ++i) {
    if (files[i].name == files[i - 1].name)
      fail("data", where.string() + ": the name '" + printable(files[i].name) + "' occurs twice, which is refused");
  }
  for (const auto& run : run_folders()) {
    if (run.empty()) fail_as_run();
    leave_out_run(run.substr(0, run.size() - 1));
    std::erase_if(files, [&](const File& file) { return file.name.starts_with(run); });
  }
  for (const auto& run : runs_) {  // neither the run nor the folder of runs is one that lacks images
    std::erase_if(folders_, [inside = run + "/"](const std::string& name) {
      return (name + "/").starts_with(inside) || inside.starts_with(name + "/");
    });
  }
  if (!runs_.empty())
    log_info("[data] " + where.string() + ": left out " + plural(std::ssize(runs_), "folder") +
             " with a run of fqgan: " + printable(short_list({runs_.begin(), runs_.end()}, 3)));
  std::vector<char> by_content(files.size());
  parallel_chunks(static_cast<int64_t>(files.size()), 64, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      by_content[i] = kind_of(files[i].name) == FileKind::other && is_image(*this, files[i]);
  });
  size_t kept = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto kind = kind_of(files[i].name);
    files[i].image = kind == FileKind::image || by_content[i] != 0;
    if (!files[i].image && kind != FileKind::describes) {
      not_read.push_back({files[i].name, ending_of(files[i].name), kind == FileKind::notes});
      continue;
    }
    if (kept != i) files[kept] = std::move(files[i]);
    ++kept;
  }
  files.resize(kept);
  std::sort(not_read.begin(), not_read.end(), [](const Unread& a, const Unread& b) { return a.name < b.name; });
}

void FileTree::add_contents_to_manifest() {
  constexpr size_t sampled = 64;  // files, evenly spaced; a start of each
  constexpr int64_t start = 64 * 1024;
  const auto contents = [&](const File& file) -> std::string {
    try {
      return read(file, start);
    } catch (const DecodeError&) {
      return "";
    }
  };
  for (size_t i = 0; i < files.size(); ++i) {
    // The first file at or behind each 64th part of all.
    const bool chosen = i == 0 || (i - 1) * sampled / files.size() != i * sampled / files.size();
    manifest.add_content(files[i].name, files[i].size, chosen ? contents(files[i]) : "");
  }
}

std::string not_read_text(const FileTree& tree, const std::string& prefix) {
  std::map<std::string, int64_t> counts;
  for (const auto& file : tree.not_read)
    if (!file.notes && file.name.starts_with(prefix)) ++counts[file.kind];
  std::vector<std::pair<std::string, int64_t>> kinds(counts.begin(), counts.end());
  std::stable_sort(kinds.begin(), kinds.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr size_t most = 8;
  std::vector<std::string> parts;
  int64_t others = 0;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (i < most)
      parts.push_back(count_text(kinds[i].second, kinds[i].first));
    else
      others += kinds[i].second;
  }
  if (others > 0) parts.push_back(std::to_string(others) + " others");
  const bool files = std::any_of(kinds.begin(), kinds.end(), [](const auto& kind) {
    return kind.first != FileTree::broken_link && kind.first != FileTree::special_file;
  });
  return join(parts) + (files ? " (only PNG, JPEG and WebP are read)" : "");
}

}  // namespace fqgan
