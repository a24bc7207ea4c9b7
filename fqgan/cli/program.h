// The program: one subcommand a file, errors to one line and an exit code.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace fqgan {

/// 0 done; 2 the user's input is wrong; 3 training diverged; 130 and 143 interrupted or terminated after saving; 1 the
/// rest.
int run_program(int argc, char** argv);

/// What a command does once its flags are read; returns the exit code.
using Action = std::function<int()>;

// Each adds its subcommand to `program` and sets `action` when it was called.
void add_train(CLI::App& program, Action& action);
void add_sample(CLI::App& program, Action& action);
void add_evaluate(CLI::App& program, Action& action);
void add_inspect(CLI::App& program, Action& action);
void add_options(CLI::App& program, Action& action);
void add_export(CLI::App& program, Action& action);
void add_sweep(CLI::App& program, Action& action);
void add_import(CLI::App& program, Action& action);
void add_score(CLI::App& program, Action& action);
void add_classify(CLI::App& program, Action& action);
void add_profile(CLI::App& program, Action& action);

}  // namespace fqgan
