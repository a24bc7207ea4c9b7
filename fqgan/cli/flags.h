// Flags that several commands share.
#pragma once

#include <string>
#include <vector>

#include "fqgan/experiment/compute.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace fqgan {

/// --device, --precision, --threads
void add_compute_flags(CLI::App& command, ComputeOptions& options);

/// --set KEY=VALUE, repeatable. `meaning` says which options it can set, with an example.
CLI::Option* add_set_flag(CLI::App& command, std::vector<std::string>& assignments, const std::string& meaning);

}  // namespace fqgan
