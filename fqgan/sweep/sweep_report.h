// What a sweep found: a table in Markdown and a picture of curves, mean and standard deviation over seeds.
#pragma once

#include <filesystem>
#include <vector>

#include "fqgan/run/ledger.h"
#include "fqgan/sweep/sweep_file.h"

namespace fqgan {

struct Finding {
  std::string experiment;
  std::vector<LedgerEntry> runs;  // one a seed that is done
  int64_t seeds = 0;              // that were asked for
};

/// The table: a row an experiment; mean +- sample standard deviation over its seeds of every metric, the one that
/// starts with `metric` first.
std::string sweep_table(const std::vector<Finding>& findings, const std::string& metric);

/// PNG of that metric over the iterations, from the runs' curve files; "" when no run has it.
std::string sweep_curves(const std::vector<Finding>& findings, const std::string& metric);

}  // namespace fqgan
