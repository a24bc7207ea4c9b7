// Reading tar archives, plain or gzip, front to back, through zlib. Only what data sets need: regular files.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace fqgan {

/// The regular files for which `wanted(name without folders)` holds, by that name. Errors: UserError: not a tar,
/// damaged, truncated, holds links, a wanted file above 1 GiB.
std::map<std::string, std::string> read_tar(const std::filesystem::path& path,
                                            const std::function<bool(const std::string&)>& wanted);

/// Whether the file begins as a tar does, after decompression.
bool is_tar(const std::filesystem::path& path);

}  // namespace fqgan
