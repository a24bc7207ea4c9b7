// How the program was called, for hints that can be copied into a shell.
#pragma once

#include <string>
#include <vector>

namespace fqgan {

/// Remembers argv[0]. Without a call the name is "fqgan".
void set_program_name(const std::string& name);

/// "build/release/fqgan train --resume 'runs/my run'": the program as it was called, then the words, quoted for a shell
/// where they need it.
std::string command_line(const std::vector<std::string>& words);

/// Replaces "~" and "~/..." by the home folder, which a shell does not do after "=": --data=~/images. Unchanged without
/// the variable HOME.
std::string expand_home(const std::string& path);

}  // namespace fqgan
