#include "fqgan/data/archives/file_names.h"

#include <set>

#include "fqgan/core/text.h"
#include "fqgan/data/images/decode.h"

namespace fqgan {
namespace {

using Names = std::set<std::string>;

const Names describing = {"dataset.json", "class_names.txt"};

const Names endings_of_notes = {".txt",   ".md",    ".rst",  ".rtf", ".json",   ".jsonl",   ".ndjson", ".csv",
                                ".tsv",   ".xml",   ".yaml", ".yml", ".toml",   ".ini",     ".cfg",    ".conf",
                                ".log",   ".html",  ".htm",  ".css", ".js",     ".py",      ".sh",     ".bat",
                                ".m",     ".r",     ".tex",  ".bib", ".pdf",    ".doc",     ".docx",   ".odt",
                                ".xls",   ".xlsx",  ".url",  ".md5", ".sha1",   ".sha256",  ".sum",    ".license",
                                ".names", ".ipynb", ".cff",  ".lnk", ".webloc", ".desktop", ".info",   ".nfo"};

const Names names_of_notes = {"license",   "licence", "copying", "copyright", "notice",    "authors", "contributors",
                              "changelog", "readme",  "version", "makefile",  "checksums", "md5sums", "sha256sums"};

const Names endings_of_left_overs = {".bak",      ".tmp", ".temp", ".part", ".crdownload",
                                     ".download", ".swp", ".orig", ".old",  ".aria2"};

const Names of_other_tools = {"__macosx",
                              "@eadir",
                              "#recycle",
                              "@recycle",
                              "@__thumb",
                              "@recently-snapshot",
                              "$recycle.bin",
                              "recycler",
                              "system volume information",
                              "lost+found",
                              "thumbs.db",
                              "ehthumbs.db",
                              "ehthumbs_vista.db",
                              "desktop.ini",
                              "icon\r",
                              "__pycache__",
                              "network trash folder",
                              "temporary items"};

}  // namespace

std::string ending_of(const std::string& name) {
  const auto last = name.substr(name.rfind('/') + 1);
  const auto dot = last.rfind('.');
  return dot == std::string::npos || dot + 1 == last.size() ? "" : lower(last.substr(dot));
}

FileKind kind_of(const std::string& name) {
  const auto last = name.substr(name.rfind('/') + 1), ending = ending_of(name);
  if (has_image_extension(last)) return FileKind::image;
  if (describing.contains(last)) return FileKind::describes;
  if (endings_of_notes.contains(ending) || names_of_notes.contains(lower(last))) return FileKind::notes;
  if (endings_of_left_overs.contains(ending) || ending.starts_with(".partial") || last.ends_with('~'))
    return FileKind::left_over;
  return FileKind::other;
}

std::string part_of_other_tools(const std::string& name) {
  for (size_t begin = 0; begin < name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    const auto part = lower(name.substr(begin, end - begin));
    if (part.starts_with('.') || part.starts_with("~$") || of_other_tools.contains(part)) return name.substr(0, end);
    begin = end + 1;
  }
  return "";
}

bool leads_out(const std::string& name) { return ("/" + name + "/").find("/../") != std::string::npos; }

}  // namespace fqgan
