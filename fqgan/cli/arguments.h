// The words of the command line: checks before CLI11 reads them, and its errors in the form of all other errors.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace fqgan {

/// Expands "~" at the start of a word and after "--flag=". Errors: UserError for a word that is not UTF-8.
std::vector<std::string> checked_arguments(std::vector<std::string> words);

/// Refuses an unknown command or a wrong flag before a command; CLI11 would only say that a command is missing.
void check_command(const CLI::App& program, const std::vector<std::string>& words);

/// Refuses a flag that was taken for the value of the flag before it: --out --json.
void check_values(const CLI::App& program);

/// Throws CLI11's error as a UserError.
[[noreturn]] void refuse_arguments(const CLI::App& program, const CLI::ParseError& error);

}  // namespace fqgan
