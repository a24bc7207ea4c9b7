#include "fqgan/training/machine.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include "fqgan/checkpoint/metadata.h"
#include "fqgan/core/log.h"

namespace fqgan {

std::map<std::string, std::string> machine() {
  return {{"libtorch", TORCH_VERSION},
          {"instruction_set", at::get_cpu_capability()},
          {"threads", std::to_string(at::get_num_threads())}};
}

void compare_machine(const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, value] : machine())
    if (const auto& before = text_of(metadata, key, "resume"); before != value)
      log_warning("resumed with " + key + " = " + value + ", trained so far with " + before +
                  "; results will not be bit-identical to an uninterrupted run");
}

}  // namespace fqgan
