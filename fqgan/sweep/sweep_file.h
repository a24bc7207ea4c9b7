// A sweep file: experiments (a recipe and overrides) times seeds. TOML:
//
//   seeds = [1, 2, 3]
//   data = "/path"                     # optional, for all experiments, as --data
//   set = ["training.iterations=500"]  # optional, for all experiments
//   metric = "fid"                     # optional: which metric leads the table and is drawn; the first otherwise
//   [[experiment]]
//   name = "fq"
//   recipe = "../quickstart.toml"      # relative to this file
//   set = ["model.quantizer.codes=512"]
//   seeds = [1]                        # optional: instead of those above
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fqgan {

struct Experiment {
  std::string name, recipe;
  std::vector<std::string> set;
  std::vector<int64_t> seeds;
};

struct SweepFile {
  std::string metric;
  std::optional<std::string> data;
  std::vector<Experiment> experiments;
};

/// Errors: UserError with file and line: bad TOML, an unknown key, another type, no experiment, a name twice.
SweepFile read_sweep(const std::filesystem::path& path);

}  // namespace fqgan
