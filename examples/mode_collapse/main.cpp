// Mode collapse on a ring of Gaussians, and what four techniques do about it: trains each with several seeds, prints
// how many modes are covered, and draws what the generators make.
//
//     ninja -C build/release mode_collapse && build/release/mode_collapse --out ring.png
#include <CLI/CLI.hpp>
#include <cstdio>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/image_file.h"
#include "fqgan/sampling/grid.h"
#include "fqgan/training/loop.h"
#include "ring.h"

namespace fqgan::example {
namespace {

constexpr int64_t points_measured = 2500, cell = 128;
constexpr double half_width = 3;  // of the plane that is drawn

const std::vector<Method> methods = {
    {"plain"}, {"minibatch discr.", true}, {"feature matching", false, false, 1, 0}, {"feature quantiz.", false, true}};

torch::Tensor place(const torch::Tensor& points) {
  return ((points / half_width + 1) * 0.5 * cell).floor().to(torch::kLong).clamp(0, cell - 1);
}

/// Generated points dark over the centres' gray dots: uint8 3 x cell x cell.
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
  return family->sampler(SampleOptions{})->next(points_measured).pixels.flatten(1);
}

int run(const std::string& out, int64_t seeds, int64_t steps, int64_t modes) {
  Ring ring;
  ring.modes = modes;
  std::vector<torch::Tensor> cells;
  GridOptions grid{.columns = seeds, .row_labels = {}, .gap = 4, .minimum_cell = cell};
  std::printf("%-18s covered of %ld modes, by seed | mean | good points\n", "", static_cast<long>(modes));
  for (const auto& method : methods) {
    double covered = 0, good = 0;
    std::printf("%-18s", method.name.c_str());
    for (int64_t seed = 1; seed <= seeds; ++seed) {
      const auto points = train(ring, method, seed, steps);
      const auto found = coverage(points, ring);
      std::printf(" %ld", static_cast<long>(found.modes));
      std::fflush(stdout);
      covered += static_cast<double>(found.modes);
      good += found.good;
      cells.push_back(draw(points, ring));
    }
    const auto count = static_cast<double>(seeds);
    std::printf(" | %.1f | %.0f %%\n", covered / count, 100 * good / count);
    grid.row_labels.push_back(method.name);
  }
  write_png(out, make_grid(at::stack(cells), grid));
  std::printf("picture: %s\n", out.c_str());
  return 0;
}

}  // namespace
}  // namespace fqgan::example

int main(int argc, char** argv) {
  CLI::App program("Mode collapse on a ring of Gaussians, and what four techniques do about it.", "mode_collapse");
  std::string out = "mode_collapse.png";
  int64_t seeds = 5, steps = 5000, modes = 8;
  program.add_option("--out", out, "picture (PNG): a row a method, a column a seed")->capture_default_str();
  program.add_option("--seeds", seeds, "trainings a method")->check(CLI::Range(1, 100))->capture_default_str();
  program.add_option("--steps", steps, "length of a training")->check(CLI::Range(1, 1000000))->capture_default_str();
  program.add_option("--modes", modes, "Gaussians on the ring")->check(CLI::Range(2, 100))->capture_default_str();
  CLI11_PARSE(program, argc, argv);
  try {
    return fqgan::example::run(out, seeds, steps, modes);
  } catch (const std::exception& error) {
    fqgan::log_error(error.what());
    return 1;
  }
}
