#include "fqgan/inference/checkpoints.h"

#include <filesystem>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"

namespace fqgan {

std::optional<NamedCheckpoint> newest_checkpoint(const RunFolder& run) {
  const auto paths = run.checkpoints();
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    try {
      return NamedCheckpoint{path->string(), load_checkpoint(*path)};
    } catch (const DamagedFile& error) {
      log_warning(std::string(error.what()) + " Going back to the one before.");
    }
  }
  if (!paths.empty()) fail(run.path().string(), "no checkpoint of this run is whole");
  return std::nullopt;
}

NamedCheckpoint open_checkpoint(const std::string& file_or_run) {
  if (!std::filesystem::is_directory(file_or_run)) return {file_or_run, load_checkpoint(file_or_run)};
  auto found = newest_checkpoint(RunFolder::open(file_or_run));
  if (!found) fail(file_or_run, "this run has no checkpoint yet");
  return std::move(*found);
}

}  // namespace fqgan
