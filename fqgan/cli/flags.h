// Flags that several commands share, and kinds of flags whose errors say what was expected and what came.
#pragma once

#include <map>
#include <optional>
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
/// The allowed values of a number. `hint` says what to do with another one ("": nothing).
template <class T>
struct Range {
  T low, high;
  std::string hint = {};
};

/// Whole numbers. The value before the call is the default that the help shows.
CLI::Option* add_integer(CLI::App& command, const std::string& name, int64_t& value, Range<int64_t> range,
                         const std::string& meaning);
CLI::Option* add_integer(CLI::App& command, const std::string& name, std::optional<int64_t>& value,
                         Range<int64_t> range, const std::string& meaning);
/// A list of whole numbers and ranges: 0-15,42.
CLI::Option* add_numbers(CLI::App& command, const std::string& name, std::vector<int64_t>& values, Range<int64_t> range,
                         const std::string& meaning);
/// Seeds of NumPy's RandomState, as a list (inference/seed_latents.h).
CLI::Option* add_seeds(CLI::App& command, const std::string& name, std::vector<int64_t>& seeds,
                       const std::string& meaning);
CLI::Option* add_seed(CLI::App& command, uint64_t& value, const std::string& meaning);
CLI::Option* add_number(CLI::App& command, const std::string& name, std::optional<double>& value, Range<double> range,
                        const std::string& meaning);
/// One of a list of words.
CLI::Option* add_choice(CLI::App& command, const std::string& name, std::string& value,
                        std::vector<std::string> choices, const std::string& meaning);

/// The most images that one command generates.
constexpr int64_t most_images = 10'000'000;

}  // namespace fqgan
