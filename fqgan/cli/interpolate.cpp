// fqgan interpolate MODEL --seeds SEEDS --out strip.png | film.webp | DIR: images between the latents of seeds.
#include <CLI/CLI.hpp>

#include "fqgan/cli/drawing.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/inference/interpolation.h"
#include "fqgan/inference/output.h"

namespace fqgan {
namespace {

struct InterpolateFlags : DrawingFlags {
  std::string out, space;
  std::vector<int64_t> seeds;
  int64_t steps = 30;
  std::optional<int64_t> frames_per_second, quality;
  bool lossless = false, force = false;
};

void check_flags(const InterpolateFlags& flags) {
  if (flags.seeds.size() < 2) fail("--seeds", "expected at least two seeds, got one");
  if (has_ending(flags.out, ".webp")) return;
  const std::pair<const char*, bool> of_films[] = {{"--fps", flags.frames_per_second.has_value()},
                                                   {"--quality", flags.quality.has_value()},
                                                   {"--lossless", flags.lossless}};
  for (const auto& [name, given] : of_films)
    if (given) fail(name, "expected it with --out X.webp (a film) only, got --out " + flags.out);
}

Interpolation path_of(const InterpolateFlags& flags, const LatentSpace& space) {
  Interpolation path;
  path.in_w = flags.space.empty() ? space.mapped > 0 : flags.space == "w";
  path.steps = flags.steps;
  path.closed = !has_ending(flags.out, ".png");
  if (path.in_w && !space.mapped) fail("--space", "expected z for a generator without a mapping network, got w");
  if (!path.in_w && flags.classes.size() > 1)
    fail("--class", "expected one class for paths in z, got several. Hint: paths in w can join classes");
  return path;
}

/// The number of images. Errors: UserError for more than are drawn at once.
int64_t count_of(const InterpolateFlags& flags, const Interpolation& path) {
  const auto count = (std::ssize(flags.seeds) - (path.closed ? 0 : 1)) * path.steps;
  if (count > most_in_grid)
    fail("--steps", "expected up to " + std::to_string(most_in_grid) + " images, got " + std::to_string(count) +
                        ". Hint: use fewer steps or seeds");
  return count;
}

OutputOptions output_of(const InterpolateFlags& flags) {
  OutputOptions output;
  output.replace = flags.force;
  output.grid.columns = flags.steps;
  for (size_t i = 0; i + 1 < flags.seeds.size(); ++i)
    output.grid.row_labels.push_back(std::to_string(flags.seeds[i]) + " to " + std::to_string(flags.seeds[i + 1]));
  auto& film = output.animation.emplace();
  film.frames_per_second = flags.frames_per_second.value_or(film.frames_per_second);
  film.quality = flags.quality.value_or(film.quality);
  film.lossless = flags.lossless;
  return output;
}

int interpolate(const InterpolateFlags& flags) {
  check_flags(flags);
  check_images_target(flags.out, true, flags.force, {flags.model});
  const auto [path, checkpoint, model] = open_drawn_model(flags);
  auto ends = drawing_options(flags, *model.family);
  ends.labels = classes_of(flags, model.data);
  ends.seeds = flags.seeds;
  if (!model.family->generator) fail("interpolate", "expected a model that generates images from latents, got another");
  check_sampling(*model.family, ends);
  const auto& access = *model.family->generator;
  const auto interpolation = path_of(flags, access.space);
  const auto count = count_of(flags, interpolation);
  check_memory("--steps", flags.out, count, model.data);
  const LatentSampler sampler(access.open(ends.weights), model.family->numerics);
  const auto points = interpolated(sampler, ends, std::ssize(flags.seeds), interpolation);
  write_images(path, flags.out, output_of(flags), count, [&](int64_t first, int64_t next) -> SampledImages {
    return {sampler.images(points, first, next).pixels, {}};  // without classes, which would be folders
  });
  return 0;
}

}  // namespace

void add_interpolate(CLI::App& program, Action& action) {
  auto flags = std::make_shared<InterpolateFlags>();
  auto* command = program.add_subcommand("interpolate", "draw the images between latents: a film, frames or a strip");
  add_model_argument(*command, *flags);
  add_seeds(*command, "--seeds", flags->seeds, "seeds of the latents, at least two, such as 1,2,5-8")->required();
  command
      ->add_option(
          "--out", flags->out,
          "output: X.webp (a film that returns to its first image), a folder or X.zip (the frames of the film, "
          "one PNG per frame), X.safetensors (the frames as tensors), or X.png (one row of images for each pair of "
          "neighbouring seeds)")
      ->required();
  add_integer(*command, "--steps", flags->steps, {2, 10'000}, "number of images for each pair of neighbouring seeds");
  add_choice(*command, "--space", flags->space, {"z", "w"},
             "latents on the way: z (on great circles) or w (on straight lines); default: w if the generator has it");
  add_integer(*command, "--fps", flags->frames_per_second, {1, 100}, "frames per second of a film; default: 30");
  auto* quality = add_integer(*command, "--quality", flags->quality, {0, 100},
                              "quality of the frames of a film, where 100 is the best; default: 90");
  command->add_flag("--lossless", flags->lossless, "write a film without loss")->excludes(quality);
  add_class_flag(*command, *flags,
                 "class of the images, by name or index (repeatable in w, where the seeds take the classes in turn); "
                 "default: drawn for each seed, in z for the first one");
  add_force_flag(*command, flags->force);
  add_drawing_flags(*command, *flags);
  command->callback([flags, &action] { action = [flags] { return interpolate(*flags); }; });
}

}  // namespace fqgan
