// A sweep trains what its ledger lacks, one child process after the other, and tells what is known.
#pragma once

#include <optional>
#include <string>

namespace fqgan {

struct SweepOptions {
  std::string file, data;  // sweep file (sweep_file.h); images for every experiment, "": those that the file names
  std::string ledger = "results/ledger.jsonl", runs = "runs/sweep";
  std::string out;                // table and curves: OUT.md, OUT.png; "": beside the ledger
  std::optional<double> minutes;  // then the run in progress is saved, and the sweep stops
  bool dry_run = false;           // trains nothing
};

/// Returns the program's exit code: 0; 1 when a training failed; 2 when one was refused; 128 + signal.
/// Errors: UserError for a sweep file or recipe that is wrong, before any training.
int run_sweep(const SweepOptions& options);

}  // namespace fqgan
