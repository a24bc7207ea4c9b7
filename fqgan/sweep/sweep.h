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

/// The files of a sweep's report.
struct SweepReport {
  std::filesystem::path table, picture;
};
SweepReport report_of_sweep(const SweepOptions& options);

/// What a sweep reads: its file, its recipes and the images. Errors: UserError for a wrong sweep file or recipe.
std::vector<std::string> inputs_of_sweep(const SweepOptions& options);

/// Returns the program's exit code: 0; 1 if a training failed; 2 if one was refused; 128 + signal.
/// Errors: UserError for a wrong sweep file or recipe, before any training.
int run_sweep(const SweepOptions& options);

}  // namespace fqgan
