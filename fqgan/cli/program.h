// The program: one subcommand per file; errors become one line and an exit code.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace fqgan {

/// Returns the exit code. 0: success; 2: wrong input; 3: the training diverged; 128 + n: ended by signal n, a training
/// after saving (129: SIGHUP, 130: SIGINT, 141: the reader of standard output is gone, 143: SIGTERM); 1: any other
/// error.
int run_program(int argc, char** argv);

/// Runs a command after its flags are read; returns the exit code.
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
void add_mix(CLI::App& program, Action& action);
void add_interpolate(CLI::App& program, Action& action);
void add_project(CLI::App& program, Action& action);

}  // namespace fqgan
