// Finds the checkpoint that a command names: a file, or a run folder (its newest checkpoint).
#pragma once

#include <optional>
#include <string>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/run/run_folder.h"

namespace fqgan {

struct NamedCheckpoint {
  std::string path;
  Checkpoint checkpoint;
};

/// The newest complete checkpoint of a run; damaged ones are skipped with a warning. Unset: the run has none yet.
/// Errors: UserError if all of its checkpoints are damaged.
std::optional<NamedCheckpoint> newest_checkpoint(const RunFolder& run);

/// Errors: UserError for a path that is neither a checkpoint nor a run with one.
NamedCheckpoint open_checkpoint(const std::string& file_or_run);

}  // namespace fqgan
