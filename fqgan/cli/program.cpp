#include "fqgan/cli/program.h"

#include <c10/util/Exception.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/options.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

void (*const commands[])(CLI::App&, Action&) = {add_train,   add_sample,   add_sweep,  add_evaluate,
                                                add_inspect, add_options,  add_export, add_import,
                                                add_score,   add_classify, add_profile};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

int guarded(const Action& action) {
  try {
    return action();
  } catch (const UserError& error) {
    log_error(first_line(error.what()));
    return 2;
  } catch (const NumericalError& error) {
    log_error(first_line(error.what()));
    return 3;
  } catch (const SystemError& error) {
    log_error(first_line(error.what()));
  } catch (const InternalError& error) {
    log_error(std::string("this is a bug in fqgan, please report it: ") + error.what());
  } catch (const c10::OutOfMemoryError& error) {
    log_error("out of memory: " + first_line(error.what_without_backtrace()) +
              " Hint: use a smaller model.batch, with model.accumulate for the same effective batch size");
  } catch (const c10::Error& error) {
    log_error("LibTorch: " + first_line(error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    log_error("out of memory. Hint: use a smaller model.batch or data.resolution");
  } catch (const std::exception& error) {
    log_error(first_line(error.what()));
  }
  return 1;
}

/// Refuses an unknown command with a suggestion; CLI11 would only say that a command is missing.
void refuse_unknown_command(const CLI::App& program, const std::string& word) {
  std::vector<std::string> names;
  for (const auto* command : program.get_subcommands({})) names.push_back(command->get_name());
  if (word.starts_with("-") || std::find(names.begin(), names.end(), word) != names.end()) return;
  fail("fqgan", "unknown command '" + word + "'" + suggestion(word, names, ". Hint: fqgan --help lists all commands"));
}

}  // namespace

int run_program(int argc, char** argv) {
  CLI::App program("Trains, measures and uses generative adversarial networks with feature quantization.", "fqgan");
  program.require_subcommand(1);
  program.set_version_flag("--version", FQGAN_VERSION);
  bool quiet = false, verbose = false;
  program.add_flag("-q,--quiet", quiet, "print only warnings and errors");
  program.add_flag("-v,--verbose", verbose, "print more details");
  program.fallthrough();
  Action action;
  for (const auto add : commands) add(program, action);
  try {
    if (argc > 1) refuse_unknown_command(program, argv[1]);
    program.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return program.exit(request);
  } catch (const UserError& error) {
    log_error(error.what());
    return 2;
  } catch (const CLI::ParseError& error) {
    log_error(first_line(error.what()) + ". Hint: fqgan --help, fqgan COMMAND --help");
    return 2;
  }
  set_log_level(quiet ? LogLevel::quiet : verbose ? LogLevel::verbose : LogLevel::normal);
  return guarded(action);
}

}  // namespace fqgan
