// Mode collapse on a ring of Gaussians, and what three techniques change. The program trains each method with several
// seeds, prints how many modes are covered, and draws the points of the generators.
//
//     ninja -C build/release mode_collapse && build/release/mode_collapse --out ring.png
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/inference/sampler.h"
#include "fqgan/plot/grid.h"
#include "fqgan/training/loop.h"
#include "ring.h"

namespace fqgan::example {
namespace {

constexpr int64_t points_measured = 2500, cell = 128;
constexpr double half_width = 3;  // half the side of the square that is drawn

QuantizationOptions quantized() {
  QuantizationOptions options;
  options.taps = {"features"};
  options.codes = 64;
  return options;
}

const std::vector<Method> all_methods = {{.name = "plain"},
                                         {.name = "minibatch discr.", .kernels = 8},
                                         {.name = "feature matching", .feature_matching = 1, .adversarial = 0},
                                         {.name = "feature quantiz.", .quantizer = quantized()}};

struct Flags {
  std::string out = "mode_collapse.png";
  std::vector<std::string> only;  // names; empty: all
  int64_t seeds = 5, steps = 5000, modes = 8, latent = 2, kernels = 8, dims = 2;
};

std::vector<Method> chosen(const Flags& flags) {
  std::vector<Method> methods;
  for (auto method : all_methods) {
    if (!flags.only.empty() && std::find(flags.only.begin(), flags.only.end(), method.name) == flags.only.end())
      continue;
    method.latent = flags.latent;
    method.dims = flags.dims;
    if (method.kernels > 0) method.kernels = flags.kernels;
    methods.push_back(method);
  }
  return methods;
}

torch::Tensor place(const torch::Tensor& points) {
  return ((points / half_width + 1) * 0.5 * cell).floor().to(torch::kLong).clamp(0, cell - 1);
}

/// Draws generated points in blue over gray squares at the centres: uint8 3 x cell x cell.
torch::Tensor draw(const torch::Tensor& points, const Ring& ring) {
  auto picture = torch::full({cell, cell, 3}, 255, torch::kUInt8);
  const auto centres = place(ring.centres());
  for (int64_t m = 0; m < ring.modes; ++m) {
    const auto x = centres[m][0].item<int64_t>(), y = centres[m][1].item<int64_t>();
    picture.slice(0, y - 3, y + 4).slice(1, x - 3, x + 4).fill_(200);
  }
  const auto at = place(points);
  picture.index_put_({at.select(1, 1), at.select(1, 0)}, torch::tensor({0, 60, 160}, torch::kUInt8));
  return picture.permute({2, 0, 1});
}

torch::Tensor train(const Ring& ring, const Method& method, uint64_t seed, int64_t steps) {
  const auto family = ring_family(ring, method, seed);
  LoopOptions options;
  options.seed = seed;
  options.training.iterations = options.training.log_every = steps;
  options.training.sample_every = 0;
  Loop(*family, {}, options).run();
  return open_sampler(*family, {})->next(points_measured).pixels.flatten(1);
}

int run(const Flags& flags) {
  Ring ring;
  ring.modes = flags.modes;
  std::vector<torch::Tensor> cells;
  GridOptions grid{.columns = flags.seeds, .row_labels = {}, .gap = 4, .minimum_cell = cell};
  std::printf("%-18s covered of %ld modes, by seed | mean | good points\n", "", static_cast<long>(flags.modes));
  for (const auto& method : chosen(flags)) {
    double covered = 0, good = 0;
    std::printf("%-18s", method.name.c_str());
    for (int64_t seed = 1; seed <= flags.seeds; ++seed) {
      const auto points = train(ring, method, seed, flags.steps);
      const auto found = coverage(points, ring);
      std::printf(" %ld", static_cast<long>(found.modes));
      std::fflush(stdout);
      covered += static_cast<double>(found.modes);
      good += found.good;
      cells.push_back(draw(points, ring));
    }
    const auto count = static_cast<double>(flags.seeds);
    std::printf(" | %.1f | %.0f %%\n", covered / count, 100 * good / count);
    grid.row_labels.push_back(method.name);
  }
  write_png(flags.out, make_grid(at::stack(cells), grid));
  std::printf("picture: %s\n", flags.out.c_str());
  return 0;
}

void add_flags(CLI::App& program, Flags& flags) {
  std::vector<std::string> names;
  for (const auto& method : all_methods) names.push_back(method.name);
  const auto number = [&](const char* name, int64_t& value, int64_t least, int64_t most, const char* meaning) {
    program.add_option(name, value, meaning)->check(CLI::Range(least, most))->capture_default_str();
  };
  program.add_option("--out", flags.out, "picture (PNG) with one row per method and one column per seed")
      ->capture_default_str();
  program.add_option("--only", flags.only, "names of the methods to train; default: all")->check(CLI::IsMember(names));
  number("--seeds", flags.seeds, 1, 100, "number of trainings per method");
  number("--steps", flags.steps, 1, 1000000, "iterations of each training");
  number("--modes", flags.modes, 2, 100, "number of Gaussians on the ring");
  number("--latent", flags.latent, 1, 1000, "width of the latent");
  number("--kernels", flags.kernels, 1, 1000, "number of kernels of minibatch discrimination");
  number("--dims", flags.dims, 1, 1000, "dimensions of each kernel's space");
}

}  // namespace
}  // namespace fqgan::example

int main(int argc, char** argv) {
  CLI::App program("Mode collapse on a ring of Gaussians, and what three techniques change.", "mode_collapse");
  fqgan::example::Flags flags;
  fqgan::example::add_flags(program, flags);
  CLI11_PARSE(program, argc, argv);
  try {
    return fqgan::example::run(flags);
  } catch (const std::exception& error) {
    fqgan::log_error(error.what());
    return 1;
  }
}
