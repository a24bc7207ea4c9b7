// The flags of `fqgan evaluate`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fqgan/experiment/evaluation_side.h"

namespace CLI {
class App;
}

namespace fqgan {

/// Values of --json.
inline constexpr const char *no_json = "false", *json_of_fqgan = "true", *json_of_torch_fidelity = "torch-fidelity";

struct EvaluateFlags {
  std::string path, against, training, metrics, save_statistics, neighbours;
  FeatureRequest features;
  Generated generated{10'000};
  int64_t seeds = 1;
  bool raw = false;
  std::vector<std::string> set;
  std::string json = no_json;
  bool force = false;
  ComputeOptions compute;
  std::function<bool(const std::string&)> given;  // whether a flag was on the command line
};

void add_evaluate_flags(CLI::App& command, EvaluateFlags& flags);

/// The names of --metrics. Errors: UserError for unknown names, and for another form of --json.
std::vector<std::string> named_metrics(const EvaluateFlags& flags);

/// The table beside the picture of --neighbours: the same name with another ending.
std::string table_beside(const std::string& picture);

/// Errors: UserError for files that cannot be written (cli/target.h).
void check_outputs(const EvaluateFlags& flags);

}  // namespace fqgan
