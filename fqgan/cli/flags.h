// Flags that several commands share.
#pragma once

#include <map>
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

/// Refuses assignments of --set outside the table [data], for commands that read images only. `decided`: options of
/// [data] that have no effect in this command, with what decides instead. Errors: UserError.
void check_data_settings(const std::vector<std::string>& assignments,
                         const std::map<std::string, std::string>& decided);
/// `decided` for a command that gives images to a trained model.
std::map<std::string, std::string> settings_decided_by_model();

}  // namespace fqgan
