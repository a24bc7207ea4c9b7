// What makes a folder a run of fqgan: its recipe beside its checkpoints or its log. A recipe alone may stand anywhere.
// Data sets leave runs out.
#pragma once

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace fqgan {

inline constexpr char run_marker[] = "recipe.toml";
inline constexpr const char* beside_run_marker[] = {"checkpoints", "log.jsonl"};  // one of them is enough

/// Whether the folder is a run. A folder that cannot be read is none.
inline bool is_run_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  const auto holds = [&](const char* name) { return std::filesystem::exists(folder / name, ignored); };
  return holds(run_marker) && std::any_of(std::begin(beside_run_marker), std::end(beside_run_marker), holds);
}

}  // namespace fqgan
