// fqgan sample CKPT_OR_RUN --out grid.png | DIR | X.zip | X.safetensors: generates images with a trained model.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "fqgan/cli/drawing.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/latents_file.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/experiment/model_images.h"
#include "fqgan/inference/grid_plan.h"
#include "fqgan/inference/output.h"

namespace fqgan {
namespace {

constexpr int64_t default_files = 1000;

struct SampleFlags : DrawingFlags {
  std::string out, latents, source, direction;
  std::optional<int64_t> count, columns;
  std::vector<int64_t> seeds;
  uint64_t seed = 0;
  bool force = false, seeded = false;  // seeded: --seed was given
};

/// The source images of a translator; null without --source.
std::shared_ptr<const Dataset> open_source_images(const SampleFlags& flags, const Checkpoint& checkpoint,
                                                  const std::string& path, const Model& model) {
  if (flags.source.empty()) return nullptr;
  auto data = data_of_model(checkpoint, path, model.data, {});
  data.path = flags.source;
  return open_dataset(data);
}

/// Refuses before the work what would fail after it.
void check_count(const SampleFlags& flags, int64_t count, const DataInfo& data) {
  const auto flag = flags.seeds.empty() ? "--count" : "--seeds";
  if (has_ending(flags.out, ".png") && count > most_in_grid)
    fail(flag, "expected up to " + std::to_string(most_in_grid) + " images for a grid, got " + std::to_string(count) +
                   ". Hint: draw fewer images, or write X.zip or a folder");
  check_memory(flag, flags.out, count, data);
}

/// Refuses a seed if nothing is drawn with it.
void check_seed(const SampleFlags& flags, const Family& family, const SampleOptions& options) {
  const auto* space = family.generator ? &family.generator->space : nullptr;
  const bool given = options.latents.defined() || options.mapped.defined();
  const bool draws_class = space && space->classes && options.labels.empty() && !options.mapped.defined();
  const bool draws_noise = space && space->noise && options.noise == NoiseMode::random;
  const bool draws = space && (!given || draws_noise || draws_class);
  if (flags.seeded && !draws)
    fail("--seed", "expected images that are drawn at random, got " +
                       std::string(options.source ? "source images" : "latents and all else that decides the images") +
                       ", so that this has no effect. Hint: leave --seed out");
}

/// Sets classes and layout for the format of the output; returns the number of images.
int64_t plan_output(const SampleFlags& flags, const DataInfo& data, SampleOptions& options, OutputOptions& output) {
  const auto classes = classes_of(flags, data);
  const auto& rows = options.latents.defined() ? options.latents : options.mapped;
  const bool given = rows.defined() || options.source || !flags.seeds.empty();
  if (!given && has_ending(flags.out, ".png")) {
    auto plan = plan_grid(data, {classes, flags.count, flags.columns});
    options.labels = plan.labels;
    output.grid = plan.grid;
    if (!plan.left_out.empty()) log_info(plan.left_out + ". Hint: --class NAME draws one; a folder or X.zip takes all");
    return plan.count;
  }
  output.grid.columns = flags.columns.value_or(0);
  for (const auto seed : flags.seeds) output.grid.captions.push_back(std::to_string(seed));
  options.labels.insert(options.labels.end(), classes.begin(), classes.end());
  if (!flags.seeds.empty()) return std::ssize(flags.seeds);
  if (flags.count) return *flags.count;
  if (rows.defined()) return rows.size(0);
  return options.source ? options.source->info().images : default_files;
}

int sample(const SampleFlags& flags) {
  check_images_target(flags.out, false, flags.force, {flags.model, flags.latents, flags.source});
  if (flags.columns && !has_ending(flags.out, ".png"))
    fail("--columns", "expected it with --out X.png (a grid) only, got --out " + flags.out);
  const auto [path, checkpoint, model] = open_drawn_model(flags);
  auto options = drawing_options(flags, *model.family);
  options.seed = flags.seed;
  options.seeds = flags.seeds;
  options.direction = flags.direction;
  const auto source = open_source_images(flags, checkpoint, path, model);
  options.source = source.get();
  if (!flags.latents.empty()) read_latents(flags.latents, options);
  if (options.mapped.defined() && !flags.classes.empty())
    fail("--class", "expected classes for latents z only, since w in the file of latents contains the class already");
  if (!options.labels.empty() && !flags.classes.empty())
    fail("--class",
         "expected classes from --class or from 'y' in the file of latents, got both. Hint: leave one of them out");
  OutputOptions output;
  output.class_names = model.data.class_names;
  output.replace = flags.force;
  const auto count = plan_output(flags, model.data, options, output);
  check_count(flags, count, model.data);
  check_seed(flags, *model.family, options);

  const auto sampler = open_sampler(*model.family, options);
  write_images(path, flags.out, output, count, [&](int64_t, int64_t next) { return sampler->next(next); });
  return 0;
}

}  // namespace

void add_sample(CLI::App& program, Action& action) {
  auto flags = std::make_shared<SampleFlags>();
  auto* command = program.add_subcommand("sample", "generate images with a trained model");
  flags->usual_noise = NoiseMode::random;
  add_model_argument(*command, *flags);
  command
      ->add_option("--out", flags->out,
                   "output: X.png (one grid), a folder or X.zip (one PNG per image), or X.safetensors (raw tensors)")
      ->required();
  auto* count = add_integer(
      *command, "--count", flags->count, {1, most_images},
      "number of images; default: for a grid ten per class (64 without classes) or what fits into 2,000 pixels, "
      "else 1000");
  add_integer(*command, "--columns", flags->columns, {1, 1000}, "number of columns of a grid; default: ten at most");
  auto* seed = add_seed(*command, flags->seed, "random seed; image i depends only on the seed and i");
  add_class_flag(*command, *flags,
                 "class to generate, by name or index (repeatable; several classes take turns, in a grid they have "
                 "rows of their own); default: all");
  auto* latents = command->add_option(
      "--latents", flags->latents,
      "safetensors file with given latents: `z` (N x Z) and optionally classes `y` (N), or `w` of a "
      "StyleGAN2 generator (N x W, or N x layers x W)");
  add_seeds(*command, "--seeds", flags->seeds,
            "list of seeds, such as 0-15,42, for one image per seed with the latents of NVIDIA's generate.py: "
            "RandomState(seed).randn(1, Z) of NumPy")
      ->excludes(seed)
      ->excludes(count)
      ->excludes(latents);
  command->add_option("--source", flags->source, "source images for a model that translates images");
  command->add_option("--direction", flags->direction,
                      "direction of a model that translates images, such as a2b; default: its first one");
  add_force_flag(*command, flags->force);
  add_drawing_flags(*command, *flags);
  command->callback([flags, command, &action] {
    flags->seeded = command->count("--seed") > 0;
    action = [flags] { return sample(*flags); };
  });
}

}  // namespace fqgan
