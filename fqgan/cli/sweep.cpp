// fqgan sweep FILE: trains what the ledger lacks, and tells what is known
#include "fqgan/sweep/sweep.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "fqgan/cli/program.h"

namespace fqgan {

void add_sweep(CLI::App& program, Action& action) {
  auto flags = std::make_shared<SweepOptions>();
  auto* command =
      program.add_subcommand("sweep", "train a list of experiments and seeds, as far as the ledger lacks them");
  command->add_option("file", flags->file, "sweep file (TOML): experiments, overrides, seeds")->required();
  command
      ->add_option("--minutes", flags->minutes,
                   "stop after so long; the run in progress is saved and resumed next time")
      ->check(CLI::PositiveNumber);
  command->add_option("--data", flags->data, "images, for every experiment");
  command->add_option("--ledger", flags->ledger, "where finished experiments stand")->capture_default_str();
  command->add_option("--runs", flags->runs, "where run folders go")->capture_default_str();
  command->add_option("--out", flags->out, "table and curves: OUT.md, OUT.png; default: beside the ledger");
  command->add_flag("--dry-run", flags->dry_run, "say what would be trained, and show the table so far");
  command->callback([flags, &action] { action = [flags] { return run_sweep(*flags); }; });
}

}  // namespace fqgan
