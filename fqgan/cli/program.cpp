#include "fqgan/cli/program.h"

#include <c10/util/Exception.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "fqgan/cli/arguments.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/signals.h"
#include "fqgan/core/standard_streams.h"

namespace fqgan {
namespace {

void (*const commands[])(CLI::App&, Action&) = {add_train,  add_sample,   add_mix,      add_interpolate, add_project,
                                                add_sweep,  add_evaluate, add_inspect,  add_options,     add_export,
                                                add_import, add_score,    add_classify, add_profile};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

int guarded(const Action& action) {
  try {
    return action();
  } catch (const UserError& error) {
    log_error(error.what());
    return 2;
  } catch (const std::filesystem::filesystem_error& error) {
    log_error("[" + error.path1().string() + "] " + error.code().message() +
              ". Hint: check the path and its permissions");
    return 2;
  } catch (const NumericalError& error) {
    log_error(error.what());
    return 3;
  } catch (const ReaderGone&) {
    return 128 + SIGPIPE;
  } catch (const SystemError& error) {
    log_error(error.what());
  } catch (const InternalError& error) {
    log_error(std::string("this is a bug in fqgan, please report it: ") + error.what());
  } catch (const c10::OutOfMemoryError& error) {
    log_error("out of memory: " + first_line(error.what_without_backtrace()) +
              " Hint: use a smaller model.batch, with model.accumulate for the same effective batch size");
  } catch (const c10::Error& error) {
    const auto text = first_line(error.what_without_backtrace());
    const bool memory = text.find("alloc_cpu") != std::string::npos;  // of the CPU, which has no error of its own
    log_error(memory ? "out of memory. Hint: use a smaller model.batch, data.resolution or network (widths)"
                     : "LibTorch: " + text);
  } catch (const std::bad_alloc&) {
    log_error("out of memory. Hint: use a smaller model.batch or data.resolution");
  } catch (const std::exception& error) {
    log_error(error.what());
  }
  return 1;
}

int parse_and_run(const std::vector<std::string>& words) {
  CLI::App program("Trains, measures and uses generative adversarial networks with feature quantization.", "fqgan");
  program.require_subcommand(1);
  program.set_version_flag("--version", FQGAN_VERSION);
  bool quiet = false, verbose = false;
  auto* less = program.add_flag("-q,--quiet", quiet, "print only warnings and errors");
  program.add_flag("-v,--verbose", verbose, "print more details")->excludes(less);
  program.fallthrough();
  Action action;
  for (const auto add : commands) add(program, action);
  const auto arguments = checked_arguments(words);
  try {
    check_command(program, arguments);
    program.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the end
  } catch (const CLI::Success& request) {                                           // --help, --version
    std::ostringstream text;
    program.exit(request, text, text);
    print(text.str());
    return 0;
  } catch (const CLI::ParseError& error) {
    refuse_arguments(program, error);
  }
  check_values(program);
  set_log_level(quiet ? LogLevel::quiet : verbose ? LogLevel::verbose : LogLevel::normal);
  return action();
}

}  // namespace

int run_program(int argc, char** argv) {
  open_standard_streams();
  end_on_signals();
  set_program_name(argc > 0 ? argv[0] : "");
  return guarded([&] { return parse_and_run({argv + std::min(argc, 1), argv + argc}); });
}

}  // namespace fqgan
