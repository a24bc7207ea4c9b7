#include "fqgan/metrics/kernel_distance.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/numpy_random.h"
#include "fqgan/core/streams.h"
#include "fqgan/metrics/blocks.h"
#include "fqgan/metrics/check_features.h"
#include "fqgan/metrics/kernels.h"

namespace fqgan {
namespace {

constexpr int64_t kernel_tile_rows = 512;

/// The indices of a subset's images, m on each side.
struct Subset {
  at::Tensor a, b;  // m int64
};

std::vector<Subset> draw_subsets(int64_t images_a, int64_t images_b, const KernelDistanceOptions& options) {
  std::vector<Subset> subsets;
  NumpyRandom numpy(static_cast<uint32_t>(options.seed));
  for (int64_t s = 0; s < options.subsets; ++s) {
    if (options.draw == "numpy") {
      auto a = at::tensor(numpy.choice_without_replacement(images_a, options.subset_size));
      subsets.push_back({a, at::tensor(numpy.choice_without_replacement(images_b, options.subset_size))});
      continue;
    }
    Streams streams(options.seed, Counters{.iteration = s});
    const auto some = [&](int64_t images, const char* name) {
      return at::randperm(images, streams.generator(name), at::TensorOptions(at::kLong))
          .slice(0, 0, options.subset_size)
          .clone();
    };
    subsets.push_back({some(images_a, "kid.a"), some(images_b, "kid.b")});
  }
  return subsets;
}

/// A tile of one of the three kernel matrices of a subset.
struct Tile {
  int64_t subset, row, column;
  bool left_is_a, right_is_a;
  bool within() const { return left_is_a == right_is_a; }
};

/// The tiles of a subset; of the symmetric matrices within a side only the lower ones.
std::vector<Tile> all_tiles(const KernelDistanceOptions& options) {
  std::vector<Tile> tiles;
  for (int64_t s = 0; s < options.subsets; ++s)
    for (int64_t row = 0; row < options.subset_size; row += kernel_tile_rows)
      for (int64_t column = 0; column < options.subset_size; column += kernel_tile_rows) {
        if (column <= row) tiles.push_back({s, row, column, true, true});
        if (column <= row) tiles.push_back({s, row, column, false, false});
        tiles.push_back({s, row, column, true, false});
      }
  return tiles;
}

/// Sum of the tile's kernel values, with their weight in the unbiased MMD^2.
double tile_term(const Tile& tile, const at::Tensor& left, const at::Tensor& right,
                 const KernelDistanceOptions& options) {
  auto kernel = options.kernel == "rbf" ? rbf_kernel(left, right, options.rbf_sigma) : polynomial_kernel(left, right);
  const auto m = static_cast<double>(options.subset_size);
  if (!tile.within()) return kernel.sum().item<double>() * -2 / (m * m);
  if (tile.row == tile.column) kernel.diagonal().zero_();
  return kernel.sum().item<double>() * (tile.row == tile.column ? 1 : 2) / (m * (m - 1));
}

}  // namespace

void KernelDistanceOptions::fields(FieldVisitor& visit) {
  visit("subsets", subsets,
        about("number of random subsets, over which mean and standard deviation are reported")
            .at_least(1)
            .at_most(100000));
  visit("subset_size", subset_size,
        about("number of images of each set in a subset, drawn without replacement").at_least(2));
  visit(
      "draw", draw,
      about("random generator of the subsets: fqgan's streams, or numpy's, which gives the subsets of torch-fidelity; "
            "auto: as the convention says, else fqgan's")
          .one_of({"auto", "streams", "numpy"}));
  visit("kernel", kernel,
        about("kernel: polynomial, which is KID's, or rbf: exp(-|x - y|^2 / (2 kid.rbf_sigma^2))")
            .one_of({"polynomial", "rbf"}));
  visit("rbf_sigma", rbf_sigma, about("width of the kernel rbf").more_than(0));
  visit("seed", seed, about("seed of the subsets").at_least(0).at_most(4294967295.));
  visit("shrink", shrink, about("make the subsets as small as the smaller side, where it has fewer images"));
}

void KernelDistanceOptions::check_kernel() const {
  if (kernel != "rbf" && rbf_sigma != KernelDistanceOptions().rbf_sigma)
    fail("kid", "expected kid.rbf_sigma with kid.kernel = \"rbf\" only, got it with kid.kernel = \"" + kernel +
                    "\", so that it has no effect");
}

int64_t KernelDistanceOptions::fewest_images() const { return shrink ? 2 : subset_size; }

int64_t KernelDistanceOptions::images_of_subset(int64_t images_a, int64_t images_b) const {
  return shrink ? std::min({subset_size, images_a, images_b}) : subset_size;
}

MeanAndStd kernel_distance(const at::Tensor& a, const at::Tensor& b, const KernelDistanceOptions& given) {
  auto options = given;
  check_features(a, "kid", "features of the first side");
  check_features(b, "kid", "features of the second side");
  check_same_dimension(a.size(1), b.size(1), "kid");
  options.subset_size = options.images_of_subset(a.size(0), b.size(0));
  if (options.subset_size < 2 || options.subsets < 1)
    fail("kid", "expected kid.subset_size >= 2 and kid.subsets >= 1, got " + std::to_string(options.subset_size) +
                    " and " + std::to_string(options.subsets));
  options.check_kernel();
  const auto hint = "use more images or lower kid.subset_size";
  check_images(a.size(0), options.subset_size, "kid", "images on the first side, as kid.subset_size says", hint);
  check_images(b.size(0), options.subset_size, "kid", "images on the second side, as kid.subset_size says", hint);

  const auto subsets = draw_subsets(a.size(0), b.size(0), options);
  const auto tiles = all_tiles(options);
  std::vector<double> terms(tiles.size());
  for_blocks(static_cast<int64_t>(tiles.size()), 1, [&](int64_t t, int64_t) {
    const auto& tile = tiles[t];
    const auto rows = [&](bool of_a, int64_t begin) {
      const auto& subset = of_a ? subsets[tile.subset].a : subsets[tile.subset].b;
      const auto images = subset.slice(0, begin, begin + kernel_tile_rows);
      return at::index_select((of_a ? a : b).detach(), 0, images).to(at::kDouble);
    };
    terms[t] = tile_term(tile, rows(tile.left_is_a, tile.row), rows(tile.right_is_a, tile.column), options);
  });
  std::vector<double> distances(options.subsets, 0.);
  for (size_t t = 0; t < tiles.size(); ++t) distances[tiles[t].subset] += terms[t];
  const auto value = mean_and_std(distances);
  finite_value(value.mean + value.stddev, "kid");
  return value;
}

}  // namespace fqgan
