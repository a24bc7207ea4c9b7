// A sweep file: experiments (a recipe and overrides) times seeds. TOML:
//
//   seeds = [1, 2, 3]
//   data = "/path"                     # optional, for all experiments, as --data
//   set = ["training.iterations=500"]  # optional, for all experiments
//   metric = "fid"                     # optional: the first metric of the table, which is also plotted
//   [[experiment]]
//   name = "fq"
//   recipe = "../quickstart.toml"      # relative to this file
//   set = ["model.quantizer.codes=512"]
//   seeds = [1]                        # optional: replaces the seeds above
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

/// Errors: UserError with file and line: bad TOML, an unknown key, a wrong type, no experiment, a duplicate name.
SweepFile read_sweep(const std::filesystem::path& path);

}  // namespace fqgan
