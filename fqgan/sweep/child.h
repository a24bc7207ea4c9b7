// This program once more, as a child: how a sweep trains, so that a crash or too little memory ends one run only.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace fqgan {

/// Runs `fqgan ARGUMENTS...` to its end; its output is ours. While it runs, `stop` is asked ten times a second; once it
/// says true the child is asked to save and stop (SIGTERM). Returns the exit code; 128 + n when signal n ended it.
int run_child(const std::vector<std::string>& arguments, const std::function<bool()>& stop);

/// The first line that a command prints, "" when it fails.
std::string first_line_of(const std::string& command);

}  // namespace fqgan
