#include "fqgan/cli/flags.h"

#include <CLI/CLI.hpp>

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

}  // namespace fqgan
