// The results of a sweep, as mean and standard deviation over seeds: a table in Markdown, and a plot of curves.
#pragma once

#include <filesystem>
#include <vector>

#include "fqgan/run/ledger.h"
#include "fqgan/sweep/sweep_file.h"

namespace fqgan {

struct Finding {
  std::string experiment;
  std::vector<LedgerEntry> runs;  // one per finished seed
  int64_t seeds = 0;              // number of seeds in the sweep file
};

/// What every table begins with.
inline constexpr char sweep_table_start[] = "| experiment | seeds |";

/// The table: one row per experiment, with mean +- sample standard deviation over its seeds of every metric; the one
/// whose name starts with `metric` comes first.
std::string sweep_table(const std::vector<Finding>& findings, const std::string& metric);

/// A PNG plot of that metric over the iterations, from the runs' curve files; "" if no run has it.
std::string sweep_curves(const std::vector<Finding>& findings, const std::string& metric);

}  // namespace fqgan
