// What a resume to the bit depends on besides the checkpoint.
#pragma once

#include <map>
#include <string>

namespace fqgan {

/// LibTorch's version, instruction set, number of threads: goes into every checkpoint.
std::map<std::string, std::string> machine();

/// Warns when a checkpoint's metadata names another machine. Errors: UserError when it names none.
void compare_machine(const std::map<std::string, std::string>& metadata);

}  // namespace fqgan
