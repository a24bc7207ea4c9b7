#include "fqgan/cli/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <limits>

#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

constexpr size_t shown_length = 40;  // characters of a wrong value

std::string shown(const std::string& text) {
  return "'" + (text.size() > shown_length ? text.substr(0, shown_length) + "...'" : text + "'");
}

std::string hint_text(const std::string& hint) { return hint.empty() ? "" : ". Hint: " + hint; }

int64_t parse_integer(const std::string& name, const std::string& text, const Range<int64_t>& range) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || value < range.low || value > range.high)
    fail(name, "expected a whole number from " + std::to_string(range.low) + " to " + std::to_string(range.high) +
                   ", got " + shown(text) + hint_text(range.hint));
  return value;
}

double parse_number(const std::string& name, const std::string& text, const Range<double>& range) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!number || !(value >= range.low && value <= range.high))  // also for NaN
    fail(name, "expected a number from " + significant(range.low, 7) + " to " + significant(range.high, 7) + ", got " +
                   shown(text) + hint_text(range.hint));
  return value;
}

/// The numbers of "0-15,42" in their order. Errors: UserError.
std::vector<int64_t> parse_numbers(const std::string& name, const std::string& text, const Range<int64_t>& range) {
  std::vector<int64_t> values;
  for (size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size()), dash = text.find('-', at + 1);
    const auto first = parse_integer(name, text.substr(at, std::min(dash, end) - at), range);
    const auto last = dash < end ? parse_integer(name, text.substr(dash + 1, end - dash - 1), range) : first;
    if (last < first)
      fail(name, "expected ranges from a smaller to a larger number, got " + shown(text.substr(at, end - at)));
    if (last - first >= most_images - std::ssize(values))
      fail(name, "expected up to " + std::to_string(most_images) + " numbers, got more");
    for (auto value = first; value <= last; ++value) values.push_back(value);
    at = end + 1;
  }
  return values;
}

/// A flag whose text is read by `read`.
template <class Read>
CLI::Option* add_read(CLI::App& command, const std::string& name, const std::string& meaning, const char* type,
                      Read read) {
  return command.add_option_function<std::string>(name, read, meaning)->type_name(type);
}

}  // namespace

CLI::Option* add_integer(CLI::App& command, const std::string& name, int64_t& value, Range<int64_t> range,
                         const std::string& meaning) {
  return add_read(command, name, meaning, "INT",
                  [&value, name, range](const std::string& text) { value = parse_integer(name, text, range); })
      ->default_str(std::to_string(value));
}

CLI::Option* add_integer(CLI::App& command, const std::string& name, std::optional<int64_t>& value,
                         Range<int64_t> range, const std::string& meaning) {
  return add_read(command, name, meaning, "INT",
                  [&value, name, range](const std::string& text) { value = parse_integer(name, text, range); });
}

CLI::Option* add_numbers(CLI::App& command, const std::string& name, std::vector<int64_t>& values, Range<int64_t> range,
                         const std::string& meaning) {
  return add_read(command, name, meaning, "LIST",
                  [&values, name, range](const std::string& text) { values = parse_numbers(name, text, range); });
}

CLI::Option* add_seeds(CLI::App& command, const std::string& name, std::vector<int64_t>& seeds,
                       const std::string& meaning) {
  const Range<int64_t> range{0, std::numeric_limits<uint32_t>::max(), "a list of seeds is written as 0-15,42"};
  return add_numbers(command, name, seeds, range, meaning);
}

CLI::Option* add_seed(CLI::App& command, uint64_t& value, const std::string& meaning) {
  const Range<int64_t> range{0, std::numeric_limits<int64_t>::max()};
  return add_read(command, "--seed", meaning, "INT",
                  [&value, range](const std::string& text) {
                    value = static_cast<uint64_t>(parse_integer("--seed", text, range));
                  })
      ->default_str(std::to_string(value));
}

CLI::Option* add_number(CLI::App& command, const std::string& name, std::optional<double>& value, Range<double> range,
                        const std::string& meaning) {
  return add_read(command, name, meaning, "NUMBER",
                  [&value, name, range](const std::string& text) { value = parse_number(name, text, range); });
}

CLI::Option* add_choice(CLI::App& command, const std::string& name, std::string& value,
                        std::vector<std::string> choices, const std::string& meaning) {
  const auto type = "{" + join(choices, ",") + "}";
  return add_read(command, name, meaning, type.c_str(),
                  [&value, name, choices](const std::string& text) {
                    if (std::find(choices.begin(), choices.end(), text) == choices.end())
                      fail(name, "expected one of " + quoted_list(choices) + ", got " + shown(text) +
                                     suggestion(text, choices));
                    value = text;
                  })
      ->default_str(value);
}

void add_compute_flags(CLI::App& command, ComputeOptions& options) {
  command.add_option("--device", options.device, "device to compute on: cpu, cuda or cuda:N")->capture_default_str();
  add_choice(command, "--precision", options.precision, precisions(),
             "type of the activations; auto: bfloat16 if the processor has instructions for it");
  add_integer(command, "--threads", options.threads, {1, most_threads},
              "number of CPU threads; default: the variable OMP_NUM_THREADS, else one per physical core");
}

CLI::Option* add_set_flag(CLI::App& command, std::vector<std::string>& assignments, const std::string& meaning) {
  return command.add_option("--set", assignments, meaning)->take_all()->expected(1)->allow_extra_args(false);
}

void check_data_settings(const std::vector<std::string>& assignments,
                         const std::map<std::string, std::string>& decided) {
  for (const auto& assignment : assignments) {
    const auto key = assigned_key(assignment);
    constexpr std::string_view table = "data.";
    if (!key.starts_with(table))
      fail("--set", "expected an option for reading images (data.fit, data.limit, ...), got '" + key +
                        "', which has no effect here");
    const auto found = decided.find(key.substr(table.size()));
    if (found != decided.end()) fail("--set", "'" + key + "' has no effect here: " + found->second);
  }
}

std::map<std::string, std::string> settings_decided_by_model() {
  std::map<std::string, std::string> decided{{"path", "the images are those of the command line"},
                                             {"flip", "only a training mirrors images"},
                                             {"crop_margin", "only a training makes random crops"}};
  for (const auto* key : {"resolution", "width", "channels"})
    decided[key] = "the images are brought to the size and channels of the model";
  return decided;
}

}  // namespace fqgan
