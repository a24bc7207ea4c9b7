// What makes a folder a run of fqgan: its recipe. Data sets leave runs out.
#pragma once

#include <filesystem>

namespace fqgan {

inline constexpr char run_marker[] = "recipe.toml";

/// Whether the folder is a run. A folder that cannot be read is none.
inline bool is_run_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / run_marker, ignored);
}

}  // namespace fqgan
