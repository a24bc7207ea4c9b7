// fqgan mix MODEL --rows SEEDS --columns SEEDS --out mix.png: the grid of NVIDIA's style_mixing.py.
#include <ATen/ops/cat.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "fqgan/cli/drawing.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/inference/latent_sampler.h"
#include "fqgan/inference/style_mix.h"
#include "fqgan/plot/grid.h"

namespace fqgan {
namespace {

constexpr int64_t usual_layers = 7;  // 0-6, as in style_mixing.py

struct MixFlags : DrawingFlags {
  std::string out;
  std::vector<int64_t> rows, columns, layers;
  bool force = false;
};

/// The cells of the grid, with the corner.
int64_t cells_of(const MixFlags& flags) { return (std::ssize(flags.rows) + 1) * (std::ssize(flags.columns) + 1); }

std::vector<int64_t> layers_of(const MixFlags& flags, const LatentSpace& space) {
  auto layers = flags.layers;
  for (int64_t k = 0; flags.layers.empty() && k < std::min(usual_layers, space.layers - 1); ++k) layers.push_back(k);
  if (const auto last = *std::max_element(layers.begin(), layers.end()); last >= space.layers)
    fail("--layers", "expected layers from 0 to " + std::to_string(space.layers - 1) + ", got " + std::to_string(last));
  return layers;
}

/// Refuses what this command cannot draw; returns the latent space of the family.
const LatentSpace& check_mix(const MixFlags& flags, const Family& family, const SampleOptions& options) {
  if (!family.generator || !family.generator->space.layers)
    fail("mix", "expected a generator that takes one w for each layer, such as StyleGAN2's, got another model");
  check_sampling(family, options);
  if (flags.classes.size() > 1) fail("--class", "expected one class for all images, got several");
  if (const auto cells = cells_of(flags); cells > most_in_grid)
    fail("--rows", "expected up to " + std::to_string(most_in_grid) + " cells in the grid, got " +
                       std::to_string(cells) + ". Hint: give fewer seeds in --rows or --columns");
  return family.generator->space;
}

GridOptions grid_of(const MixFlags& flags) {
  GridOptions grid;
  grid.columns = std::ssize(flags.columns) + 1;
  grid.column_labels = grid.row_labels = {""};
  for (const auto seed : flags.columns) grid.column_labels.push_back(std::to_string(seed));
  for (const auto seed : flags.rows) grid.row_labels.push_back(std::to_string(seed));
  return grid;
}

int mix(const MixFlags& flags) {
  check_target({flags.out, ".png", "--out", flags.force, {flags.model}});
  const auto [path, checkpoint, model] = open_drawn_model(flags);
  auto options = drawing_options(flags, *model.family);
  options.labels = classes_of(flags, model.data);
  const auto layers = layers_of(flags, check_mix(flags, *model.family, options));
  check_memory("--rows", flags.out, cells_of(flags), model.data);
  const LatentSampler sampler(model.family->generator->open(options.weights), model.family->numerics);
  const auto styles = [&](const std::vector<int64_t>& seeds) {
    auto ends = options;
    ends.seeds = seeds;
    return rows_of_w(sampler.styles(ends, std::ssize(seeds)), sampler.space().layers);
  };
  options.mapped = mixed_styles(styles(flags.rows), styles(flags.columns), layers);
  options.truncation.reset();  // w is truncated already
  options.truncation_cutoff.reset();
  std::vector<at::Tensor> cells;
  draw_images(options.mapped.size(0), [&](int64_t first, int64_t count) {
    cells.push_back(to_pixels(sampler.images(options, first, count).pixels));
  });
  cells.insert(cells.begin(), at::zeros_like(cells.front().narrow(0, 0, 1)));  // the corner is black
  write_png(flags.out, make_grid(at::cat(cells), grid_of(flags)));
  log_info("wrote " + plural(std::ssize(flags.rows) * std::ssize(flags.columns), "mixed image") + " of " + path +
           " to " + flags.out);
  return 0;
}

}  // namespace

void add_mix(CLI::App& program, Action& action) {
  auto flags = std::make_shared<MixFlags>();
  auto* command = program.add_subcommand("mix", "mix the styles of latents of a StyleGAN2 generator, in a grid");
  add_model_argument(*command, *flags);
  add_seeds(*command, "--rows", flags->rows,
            "seeds of the rows, such as 85,100,200-203; their images are the first column of the grid")
      ->required();
  add_seeds(*command, "--columns", flags->columns, "seeds of the columns; their images are the first row of the grid")
      ->required();
  add_numbers(*command, "--layers", flags->layers, {0, 999, "a list of layers is written as 0-3,6"},
              "layers that take w from the column, counted from 0; the others take it from the row; default: 0-6, or "
              "all but the last one if there are fewer than eight");
  command->add_option("--out", flags->out, "output: X.png")->required();
  add_class_flag(*command, *flags, "class of all images, by name or index; default: drawn for each seed");
  add_force_flag(*command, flags->force);
  add_drawing_flags(*command, *flags);
  command->callback([flags, &action] { action = [flags] { return mix(*flags); }; });
}

}  // namespace fqgan
