// fqgan export CKPT_OR_RUN --weights-only --out X.safetensors: the small file that people share.
#include <CLI/CLI.hpp>

#include "fqgan/checkpoint/weights.h"
#include "fqgan/cli/program.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/inference/checkpoints.h"

namespace fqgan {

void add_export(CLI::App& program, Action& action) {
  struct Flags {
    std::string checkpoint, out;
    bool weights_only = false;
  };
  auto flags = std::make_shared<Flags>();
  auto* command = program.add_subcommand("export", "write a model for others");
  command->add_option("model", flags->checkpoint, "checkpoint, or run folder (its newest checkpoint)")->required();
  command->add_option("--out", flags->out, "X.safetensors")->required();
  command->add_flag("--weights-only", flags->weights_only, "networks and averages, without what only a resume needs")
      ->required();
  command->callback([flags, &action] {
    action = [flags] {
      prepare_target(flags->out, ".safetensors");
      const auto [path, checkpoint] = open_checkpoint(flags->checkpoint);
      save_checkpoint(flags->out, weights_only(checkpoint));
      log_info("wrote the weights of " + path + " to " + flags->out);
      return 0;
    };
  });
}

}  // namespace fqgan
