#include "fqgan/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/models/registry.h"

namespace fqgan {
namespace {

bool is_flag(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

/// "--out", "-q" and the like, of a command and of the whole program.
std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* app = &command; app; app = app->get_parent())
    for (const auto* option : app->get_options()) {
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
      for (const auto& name : option->get_snames()) names.push_back("-" + name);
    }
  return names;
}

/// The command that was given, else the program.
const CLI::App& command_of(const CLI::App& program) {
  const auto given = program.get_subcommands();
  return given.empty() ? program : *given.front();
}

std::string help_hint(const CLI::App& command) {
  const bool is_program = !command.get_parent();
  return ". Hint: " + (is_program ? command_line({"--help"}) : command_line({command.get_name(), "--help"}));
}

/// "device" or "model.batch" for the name of an option of a recipe, if there is one only; else "".
std::string option_named(const std::string& name) {
  std::string found;
  for (const auto& family : family_names()) {
    for (const auto& field : describe_options(*default_recipe(family))) {
      if (field.key == name) return name;
      if (field.key.substr(field.key.rfind('.') + 1) != name || field.key == found) continue;
      if (!found.empty()) return "";
      found = field.key;
    }
  }
  return found;
}

[[noreturn]] void refuse_flag(const CLI::App& command, const std::string& word, const std::string& value) {
  const auto name = word.substr(0, word.find('='));
  const bool has_set = command.get_option_no_throw("--set");
  const auto option = has_set && name.starts_with("--") ? option_named(name.substr(2)) : "";
  auto given = word == name ? value : word.substr(name.size() + 1);
  if (given.empty() || is_flag(given)) given = "VALUE";
  const auto hint = option.empty() ? suggestion(name, flags_of(command), help_hint(command))
                                   : ". Hint: use --set " + option + "=" + given;
  fail(command.get_name(), "unknown flag '" + name + "'" + hint);
}

[[noreturn]] void refuse_extras(const CLI::App& program, const std::vector<std::string>& words) {
  const auto& command = command_of(program);
  const auto flag = std::find_if(words.begin(), words.end(), is_flag);
  if (flag != words.end()) refuse_flag(command, *flag, flag + 1 == words.end() ? "" : flag[1]);
  fail(command.get_name(), "expected no further argument, got '" + words.front() + "'" + help_hint(command));
}

/// "--out is required" -> "expected --out, got none"
std::string missing(const std::string& message) {
  const std::string end = " is required";
  if (!message.ends_with(end)) return message;
  const auto name = message.substr(0, message.size() - end.size());
  return "expected " + (name == "A subcommand" ? "a command" : name) + ", got none";
}

}  // namespace

std::vector<std::string> checked_arguments(std::vector<std::string> words) {
  for (auto& word : words) {
    if (!is_utf8(word))
      fail("fqgan", "expected arguments in UTF-8, got '" + printable(word) + "'. Hint: rename the file or folder");
    const auto equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const auto value = equals == std::string::npos ? 0 : equals + 1;
    word = word.substr(0, value) + expand_home(word.substr(value));
  }
  return words;
}

void check_command(const CLI::App& program, const std::vector<std::string>& words) {
  const auto flags = flags_of(program);
  const auto first = std::find_if(words.begin(), words.end(), [](const auto& word) { return !is_flag(word); });
  for (auto word = words.begin(); word != first; ++word)
    if (std::find(flags.begin(), flags.end(), *word) == flags.end()) refuse_flag(program, *word, "");
  if (first == words.end()) return;
  std::vector<std::string> names;
  for (const auto* command : program.get_subcommands({})) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), *first) != names.end()) return;
  auto meant = suggestion(*first, names, ". Hint: " + command_line({"--help"}) + " lists all commands");
  if (*first == "version") meant = ". Hint: " + command_line({"--version"});
  if (*first == "help") {
    const bool known = first + 1 != words.end() && std::find(names.begin(), names.end(), first[1]) != names.end();
    meant = ". Hint: " + (known ? command_line({first[1], "--help"}) : command_line({"--help"}));
  }
  fail("fqgan", "unknown command '" + *first + "'" + meant);
}

void check_values(const CLI::App& program) {
  const auto& command = command_of(program);
  for (const auto* option : command.get_options())
    for (const auto& value : option->results())
      if (option->get_items_expected_max() > 0 && value.starts_with("--"))
        fail(option->get_name(), "expected a value, got the flag '" + value + "'" + help_hint(command));
}

void refuse_arguments(const CLI::App& program, const CLI::ParseError& error) {
  const auto& command = command_of(program);
  const std::string message = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error))
    if (const auto words = program.remaining(true); !words.empty()) refuse_extras(program, words);
  if (dynamic_cast<const CLI::RequiredError*>(&error)) fail(command.get_name(), missing(message) + help_hint(command));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
    const auto name = message.substr(0, message.find(':'));
    const bool many = message.find("At Most") != std::string::npos;
    fail(command.get_name(),
         (many ? "expected " + name + " once, got it several times" : "expected a value after " + name + ", got none") +
             help_hint(command));
  }
  if (const auto at = message.find(" excludes "); at != std::string::npos)
    fail(command.get_name(),
         "expected " + message.substr(0, at) + " or " + message.substr(at + 10) + ", got both" + help_hint(command));
  fail(command.get_name(), message + help_hint(command));
}

}  // namespace fqgan
