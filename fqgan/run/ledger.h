// The results ledger: one JSON line for each finished experiment, so that evidence grows over days and machines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace fqgan {

struct LedgerEntry {
  std::string experiment;        // its name in a sweep
  std::string key;               // of what differs from the defaults, and of the data: one key, one experiment
  std::string recipe;            // the file
  std::string data;              // the images' path as it was given; empty: the recipe's own
  std::vector<std::string> set;  // overrides, as for --set
  int64_t seed = 0;
  std::string outcome = "done";           // or "diverged"
  std::string commit, processor;          // that produced it
  int64_t iterations = 0;                 // reached
  double seconds = 0;                     // of training, all starts of the run together
  double images_per_second = 0;           // over the last report
  std::map<std::string, double> metrics;  // of the last evaluation, by full name
  std::string curve;                      // file: the run's metrics.jsonl
};

/// The lines that carry a key, in order; others (written by hand) are passed over, and a last one without its end.
/// A missing file is an empty ledger. Errors: UserError with path and line number for a line that is no JSON object.
std::vector<LedgerEntry> read_ledger(const std::filesystem::path& path);
/// Errors: UserError (not writable), SystemError (disk full).
void append_to_ledger(const std::filesystem::path& path, const LedgerEntry& entry);

/// "Intel(R) Xeon(R) Processor, 2 cores, AVX-512 BF16, AMX"
std::string processor_text();

}  // namespace fqgan
