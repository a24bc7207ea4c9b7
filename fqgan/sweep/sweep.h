// A sweep trains the experiments that the ledger lacks, one child process after the other, and reports the results.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fqgan {

struct SweepOptions {
  std::string file, data;  // sweep file (sweep_file.h); images for every experiment ("": as in the sweep file)
  std::string ledger = "results/ledger.jsonl", runs = "runs/sweep";
  std::string out;                // files of table and curves: OUT.md, OUT.png; "": beside the ledger
  std::optional<double> minutes;  // stop after this time, and save the run in progress
  bool dry_run = false;           // train nothing
};

/// The files of a sweep that are not its runs.
struct SweepFiles {
  std::filesystem::path table, picture;  // the report
  std::vector<std::string> reads;        // the sweep file, its recipes and the images
};
/// Errors: UserError for a wrong sweep file or recipe.
SweepFiles files_of_sweep(const SweepOptions& options);

/// Returns the program's exit code: 0; 1 if a training failed; 2 if one was refused; 128 + signal.
/// Errors: UserError for a wrong sweep file or recipe, before any training.
int run_sweep(const SweepOptions& options);

}  // namespace fqgan
