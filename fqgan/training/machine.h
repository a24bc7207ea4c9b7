// The properties of a machine on which a bit-identical resume depends.
#pragma once

#include <map>
#include <string>

namespace fqgan {

/// LibTorch's version, instruction set and number of threads, for every checkpoint's metadata.
std::map<std::string, std::string> machine();

/// Warns when a checkpoint's metadata names another machine. Errors: UserError when it names none.
void compare_machine(const std::map<std::string, std::string>& metadata);

}  // namespace fqgan
