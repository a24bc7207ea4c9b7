// Checkpoints as commands name them: a file, or a run folder (its newest).
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

/// The newest checkpoint of a run that is whole; damaged ones are named in a warning and passed over. Unset: the run
/// has none yet. Errors: UserError when it has some and none is whole.
std::optional<NamedCheckpoint> newest_checkpoint(const RunFolder& run);

/// Errors: UserError for a path that is neither a checkpoint nor a run with one.
NamedCheckpoint open_checkpoint(const std::string& file_or_run);

}  // namespace fqgan
