#include "fqgan/cli/flags.h"

#include <CLI/CLI.hpp>

#include "fqgan/core/error.h"

namespace fqgan {

void add_compute_flags(CLI::App& command, ComputeOptions& options) {
  command.add_option("--device", options.device, "device to compute on: cpu, cuda or cuda:N")->capture_default_str();
  command
      .add_option("--precision", options.precision,
                  "type of the activations; auto: bfloat16 if the processor has instructions for it")
      ->capture_default_str()
      ->check(CLI::IsMember(precisions()));
  command.add_option("--threads", options.threads, "number of CPU threads; default: one per physical core")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}));
}

CLI::Option* add_set_flag(CLI::App& command, std::vector<std::string>& assignments, const std::string& meaning) {
  return command.add_option("--set", assignments, meaning)->take_all()->expected(1)->allow_extra_args(false);
}

void check_data_settings(const std::vector<std::string>& assignments,
                         const std::map<std::string, std::string>& decided) {
  for (const auto& assignment : assignments) {
    auto key = assignment.substr(0, assignment.find('='));
    key.erase(0, key.find_first_not_of(" \t"));
    key.erase(key.find_last_not_of(" \t") + 1);
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
