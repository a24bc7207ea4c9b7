// Reads tar archives, plain or with gzip, from front to back. Only regular files, as data sets need.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace fqgan {

/// Returns the regular files for which `wanted(name without folders)` is true, by that name. Errors: UserError (not a
/// tar, damaged, truncated, links, entries with "..", a wanted file that is there twice or above 1 GiB).
std::map<std::string, std::string> read_tar(const std::filesystem::path& path,
                                            const std::function<bool(const std::string&)>& wanted);

/// Whether the file begins with a tar header, after decompression. Errors: UserError (damaged compression).
bool is_tar(const std::filesystem::path& path);

}  // namespace fqgan
