// The rule for every file and folder that a command writes (--out and the like): what is there already is replaced only
// with --force, and never if the command reads it or if it belongs to a run folder. The images that a model was trained
// on and measured against count as read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace fqgan {

/// Whether a path is a folder or lies in it. Links are followed; the path need not exist.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

/// --force
void add_force_flag(CLI::App& command, bool& force);

/// A file that a command writes.
struct Target {
  std::string path, ending;        // "": a folder
  std::string option = "--out";    // the flag that gave it
  bool force = false;              // whether an existing file may be replaced
  std::vector<std::string> reads;  // files, runs and folders of images that the command reads ("": none)
};

/// Checks a file before any work, and makes its folder. Errors: UserError for another ending, an existing file, a file
/// that the command reads or that belongs to a run, a device, a folder that cannot be written to.
void check_target(const Target& target);

/// Refuses --force without a name of an output.
void check_force(bool force, const std::vector<std::string>& outputs);

/// Checks a folder in the same way, without its content.
void check_target_folder(const Target& target);

}  // namespace fqgan
