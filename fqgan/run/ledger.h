// The results ledger: one JSON line for each finished experiment, which collects results over days and machines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace fqgan {

struct LedgerEntry {
  std::string experiment;        // name in the sweep
  std::string key;               // identifies the experiment: a digest of the changed options and of the data
  std::string recipe;            // file
  std::string data;              // path of the images as it was given; empty: the recipe's
  std::vector<std::string> set;  // overrides, as for --set
  int64_t seed = 0;
  std::string outcome = "done";           // or "diverged"
  std::string commit, processor;          // of the program and the machine
  int64_t iterations = 0;                 // complete iterations
  double seconds = 0;                     // training time, over all starts of the run
  double images_per_second = 0;           // at the last report
  std::map<std::string, double> metrics;  // values of the last evaluation, by full name
  std::string curve;                      // file with the values of all evaluations: the run's metrics.jsonl
};

/// The entries with a key, in order. Leaves out lines without a key (written by hand). A missing file is an empty
/// ledger. Errors: UserError with path and line number for a line that is not a JSON object, such as an incomplete one.
std::vector<LedgerEntry> read_ledger(const std::filesystem::path& path);
/// Errors: UserError (not writable, or no ledger), SystemError (disk full).
void append_to_ledger(const std::filesystem::path& path, const LedgerEntry& entry);

/// "Intel(R) Xeon(R) Processor, 2 cores, AVX-512 BF16, AMX"
std::string processor_text();

}  // namespace fqgan
