// fqgan sweep FILE: trains the experiments that the ledger lacks, and reports the results.
#include "fqgan/sweep/sweep.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <memory>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/run/ledger.h"
#include "fqgan/sweep/sweep_report.h"

namespace fqgan {
namespace {

struct SweepFlags : SweepOptions {
  bool force = false;
};

bool starts_with_table(const std::filesystem::path& file) {
  const std::string start = sweep_table_start;
  std::string text(start.size(), ' ');
  return std::ifstream(file).read(text.data(), static_cast<std::streamsize>(text.size())) && text == start;
}

/// Refuses to replace files beside the ledger that no sweep wrote. A sweep writes its table before its curves.
void check_earlier_report(const SweepReport& files) {
  std::error_code ignored;
  const auto there = [&](const auto& file) { return std::filesystem::exists(file, ignored); };
  for (const auto& file : {files.table, files.picture})
    if (there(file) && !starts_with_table(files.table))
      fail(file.string(), "expected no file, or the report of an earlier sweep with its table in '" +
                              files.table.filename().string() + "', got another file. Hint: rename it, or use --out");
}

/// The ledger grows with every sweep. The report beside it is the sweep's own, which every sweep writes again; --out
/// may name any file.
void check_outputs(const SweepFlags& flags, std::vector<std::string> inputs) {
  const auto report = report_of_sweep(flags);
  check_target({flags.ledger, std::filesystem::path(flags.ledger).extension(), "--ledger", true, inputs});
  read_ledger(flags.ledger);  // refuses a file that is no ledger
  inputs.push_back(flags.ledger);
  if (flags.out.empty()) check_earlier_report(report);
  const bool replace = flags.force || flags.out.empty();
  check_target({report.table.string(), ".md", "--out", replace, inputs});
  check_target({report.picture.string(), ".png", "--out", replace, inputs});
}

/// As in a training, whose pictures would be taken for images by the next one.
void refuse_runs_in_data(const SweepFlags& flags, const std::vector<std::string>& inputs) {
  for (const auto& input : inputs)
    if (std::filesystem::is_directory(input) && lies_in(flags.runs, input))
      fail("--runs", "expected a folder outside the images, got '" + flags.runs + "' inside '" + input +
                         "'. Hint: choose another --runs");
}

int sweep(const SweepFlags& flags) {
  check_force(flags.force, {flags.out});
  const auto inputs = inputs_of_sweep(flags);
  refuse_runs_in_data(flags, inputs);
  if (!flags.dry_run) check_outputs(flags, inputs);
  return run_sweep(flags);
}

}  // namespace

void add_sweep(CLI::App& program, Action& action) {
  auto flags = std::make_shared<SweepFlags>();
  auto* command = program.add_subcommand(
      "sweep", "train a list of experiments and seeds, except those with a result in the ledger");
  command->add_option("file", flags->file, "sweep file (TOML) with experiments, overrides and seeds")->required();
  add_number(*command, "--minutes", flags->minutes, {0.0001, 1e6},
             "stop after this number of minutes; the run in progress is saved, and the next sweep resumes it");
  command->add_option("--data", flags->data,
                      "images for all experiments; default: as in the sweep file or the recipes");
  command->add_option("--ledger", flags->ledger, "file with the results of finished experiments")
      ->capture_default_str();
  command->add_option("--runs", flags->runs, "folder for the run folders")->capture_default_str();
  command->add_option("--out", flags->out,
                      "write the table as OUT.md and the curves as OUT.png; default: beside the ledger");
  command->add_flag("--dry-run", flags->dry_run,
                    "train nothing; list the experiments that would be trained, and print the table so far");
  add_force_flag(*command, flags->force);
  command->callback([flags, &action] { action = [flags] { return sweep(*flags); }; });
}

}  // namespace fqgan
