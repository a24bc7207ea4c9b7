#include "fqgan/cli/target.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/core/partial_file.h"
#include "fqgan/core/text.h"
#include "fqgan/run/run_folder.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;

/// Follows links. Errors: UserError for a path that no file can have (a name too long, a circle of links).
fs::path resolved(const fs::path& path) {
  std::error_code error, ignored;
  auto found = fs::weakly_canonical(fs::absolute(path), error);
  if (error && fs::exists(path, ignored)) return fs::absolute(path).lexically_normal();  // a pipe such as /dev/fd/63
  if (error) fail(path.string(), "expected a path of a file or folder, got: " + error.message());
  if (!found.has_filename()) found = found.parent_path();  // "folder/"
  return found;
}

[[noreturn]] void refuse(const Target& target, const std::string& reason) {
  fail(target.option + " " + target.path, reason + ". Hint: choose another name");
}

/// Pictures among the images that are read would be taken for images the next time.
bool becomes_an_image(const Target& target) {
  const auto ending = lower(target.ending);
  return ending == ".png" || ending == ".webp" || ending == ".zip";
}

/// The images that the recipe of a run or a checkpoint names; none for other paths.
std::vector<std::string> images_in_recipe(const fs::path& path) {
  try {
    RecipeText text;
    if (RunFolder::is_run(path)) {
      text = RecipeText::from_file(RunFolder::open(path).recipe().string());
    } else if (path.extension() == ".safetensors") {
      const auto metadata = read_checkpoint_header(path.string()).metadata;
      if (const auto recipe = metadata.find("recipe"); recipe != metadata.end())
        text = RecipeText::from_string(recipe->second, path.string());
    }
    return {text.get("data.path", ""), text.get("evaluation.against", "")};
  } catch (const UserError&) {
    return {};  // the command itself says what is wrong with its input
  }
}

void refuse_input(const Target& target, const fs::path& input) {
  std::error_code ignored;
  if (input.empty() || !fs::exists(input, ignored)) return;
  const auto place = resolved(target.path), read = resolved(input);
  auto files = std::vector<fs::path>{input};
  if (RunFolder::is_run(read)) files = RunFolder::open(read).checkpoints();
  const auto is_target = [&](const fs::path& file) { return fs::equivalent(target.path, file, ignored); };
  if (place == read || std::any_of(files.begin(), files.end(), is_target))
    refuse(target, "expected a name of its own, got an input of this command or of its model");
  if (target.ending.empty() && lies_in(read, place))
    refuse(target, "expected a folder of its own, got one that contains an input ('" + input.string() + "')");
  if (!fs::is_directory(read) || RunFolder::is_run(read) || !lies_in(place, read)) return;
  if (becomes_an_image(target) || target.ending.empty())
    refuse(target, "expected a place outside of the images in '" + input.string() + "', got one among them");
}

void refuse_inputs(const Target& target) {
  for (const auto& input : target.reads) {
    refuse_input(target, input);
    for (const auto& images : images_in_recipe(input)) refuse_input(target, images);
  }
}

void check_common(const Target& target) {
  if (target.path.empty()) fail(target.option, "expected a name, got an empty one");
  if (!target.path.ends_with(target.ending))
    fail(target.option, "expected a name that ends in " + target.ending + ", got '" + target.path + "'");
  refuse_inputs(target);
  if (RunFolder::owns(resolved(target.path)))
    refuse(target, "expected a name of its own, got a file of a run folder, which only its training writes");
}

/// Whether the path is a device or a pipe. Writing a file there would replace it.
bool is_device(const fs::path& path) {
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

}  // namespace

bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto place = resolved(path), whole = resolved(folder);
  return std::mismatch(whole.begin(), whole.end(), place.begin(), place.end()).first == whole.end();
}

void add_force_flag(CLI::App& command, bool& force) {
  command.add_flag("--force", force, "replace an output that is there already");
}

void check_force(bool force, const std::vector<std::string>& outputs) {
  const auto empty = [](const std::string& output) { return output.empty(); };
  if (force && std::all_of(outputs.begin(), outputs.end(), empty))
    fail("--force", "expected a file to write, got none. Hint: leave --force out, or name the file");
}

void check_target(const Target& target) {
  check_common(target);
  if (is_device(target.path)) refuse(target, "expected a file to write, got a device or a pipe");
  prepare_target(target.path, target.option);
  std::error_code ignored;
  if (!target.force && fs::exists(fs::symlink_status(target.path, ignored)))
    fail(target.option + " " + target.path,
         "expected a new name, got one that is there already. Hint: choose another name, or replace it with --force");
  remove_partial_files_of(target.path);
}

void check_target_folder(const Target& target) { check_common(target); }

}  // namespace fqgan
