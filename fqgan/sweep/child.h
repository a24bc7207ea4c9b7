// Runs this program as a child process. A sweep trains in this way, so that a crash ends only one run.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace fqgan {

/// Runs `fqgan ARGUMENTS...` to its end, with this process' output. Calls `stop` ten times per second; when it returns
/// true, sends SIGTERM, on which the child saves and stops. Returns the exit code, or 128 + n if signal n ended it.
int run_child(const std::vector<std::string>& arguments, const std::function<bool()>& stop);

/// The first line of a command's output; "" if it fails.
std::string first_line_of(const std::string& command);

}  // namespace fqgan
