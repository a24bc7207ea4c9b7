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
      log_warning(std::string(error.what()) + ". Using the one before it");
    }
  }
  if (!paths.empty()) fail(run.path().string(), "expected a complete checkpoint, but all of this run's are damaged");
  return std::nullopt;
}

NamedCheckpoint open_checkpoint(const std::string& file_or_run) {
  if (!std::filesystem::is_directory(file_or_run)) return {file_or_run, load_checkpoint(file_or_run)};
  auto found = newest_checkpoint(RunFolder::open(file_or_run));
  if (!found) fail(file_or_run, "expected a run with a checkpoint, found none yet");
  return std::move(*found);
}

}  // namespace fqgan
