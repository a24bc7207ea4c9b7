#include "fqgan/metrics/kernel_distance.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

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

at::Tensor kernel_of(const at::Tensor& left, const at::Tensor& right, const KernelDistanceOptions& options) {
  return options.kernel == "rbf" ? rbf_kernel(left, right, options.rbf_sigma) : polynomial_kernel(left, right);
}

/// Sum of the tile's kernel values, with their weight in the unbiased MMD^2.
double tile_term(const Tile& tile, at::Tensor kernel, const KernelDistanceOptions& options) {
  const auto m = static_cast<double>(options.subset_size);
  if (!tile.within()) return kernel.sum().item<double>() * -2 / (m * m);
  if (tile.row == tile.column) kernel.diagonal().zero_();
  return kernel.sum().item<double>() * (tile.row == tile.column ? 1 : 2) / (m * (m - 1));
}

/// The same for resamples, not yet divided by a number of pairs: R. left, right: R x rows, how often each was drawn.
/// Two draws of one image are no pair: in a bootstrap these would be far too many equal images.
at::Tensor tile_sums(const Tile& tile, const at::Tensor& kernel, const at::Tensor& left, const at::Tensor& right) {
  const auto sums = (left.mm(kernel) * right).sum(1);
  if (!tile.within()) return sums;
  return tile.row == tile.column ? sums - left.square().mv(kernel.diagonal()) : sums * 2;
}

/// The images of both sides in their subsets, in tiles.
struct Tiling {
  const at::Tensor &a, &b;
  KernelDistanceOptions options;  // with the actual size of the subsets
  std::vector<Subset> subsets;
  std::vector<Tile> tiles;

  /// Errors: UserError as kernel_distance().
  Tiling(const at::Tensor& a, const at::Tensor& b, const KernelDistanceOptions& given);

  /// The images of a tile's rows, or of its columns.
  at::Tensor images(const Tile& tile, bool of_a, int64_t begin) const {
    const auto& subset = of_a ? subsets[tile.subset].a : subsets[tile.subset].b;
    return subset.slice(0, begin, begin + kernel_tile_rows);
  }
  at::Tensor left_images(const Tile& tile) const { return images(tile, tile.left_is_a, tile.row); }
  at::Tensor right_images(const Tile& tile) const { return images(tile, tile.right_is_a, tile.column); }

  at::Tensor kernel(const Tile& tile) const {
    const auto rows = [&](bool of_a, const at::Tensor& images) {
      return at::index_select((of_a ? a : b).detach(), 0, images).to(at::kDouble);
    };
    return kernel_of(rows(tile.left_is_a, left_images(tile)), rows(tile.right_is_a, right_images(tile)), options);
  }
};

Tiling::Tiling(const at::Tensor& a, const at::Tensor& b, const KernelDistanceOptions& given)
    : a(a), b(b), options(given) {
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
  subsets = draw_subsets(a.size(0), b.size(0), options);
  tiles = all_tiles(options);
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
  const Tiling tiling(a, b, given);
  const auto& tiles = tiling.tiles;
  std::vector<double> terms(tiles.size());
  for_blocks(std::ssize(tiles), 1,
             [&](int64_t t, int64_t) { terms[t] = tile_term(tiles[t], tiling.kernel(tiles[t]), tiling.options); });
  std::vector<double> distances(tiling.options.subsets, 0.);
  for (size_t t = 0; t < tiles.size(); ++t) distances[tiles[t].subset] += terms[t];
  const auto value = mean_and_std(distances);
  finite_value(value.mean + value.stddev, "kid");
  return value;
}

std::vector<double> kernel_distances_of_counts(const at::Tensor& a, const at::Tensor& b,
                                               const KernelDistanceOptions& given, const at::Tensor& counts_a,
                                               const at::Tensor& counts_b) {
  const Tiling tiling(a, b, given);
  const auto& tiles = tiling.tiles;
  std::vector<at::Tensor> sums(tiles.size());
  for_blocks(std::ssize(tiles), 1, [&](int64_t t, int64_t) {
    const auto& tile = tiles[t];
    const auto left = (tile.left_is_a ? counts_a : counts_b).index_select(1, tiling.left_images(tile));
    const auto right = (tile.right_is_a ? counts_a : counts_b).index_select(1, tiling.right_images(tile));
    sums[t] = tile_sums(tile, tiling.kernel(tile), left, right);
  });
  const auto none = at::zeros({counts_a.size(0)}, counts_a.options());
  auto within_a = none, within_b = none, between = none, pairs_a = none, pairs_b = none, pairs_between = none;
  for (size_t t = 0; t < tiles.size(); ++t) {
    auto& of = !tiles[t].within() ? between : tiles[t].left_is_a ? within_a : within_b;
    of = of + sums[t];
  }
  for (const auto& subset : tiling.subsets) {
    const auto some_a = counts_a.index_select(1, subset.a), some_b = counts_b.index_select(1, subset.b);
    pairs_a = pairs_a + some_a.sum(1).square() - some_a.square().sum(1);
    pairs_b = pairs_b + some_b.sum(1).square() - some_b.square().sum(1);
    pairs_between = pairs_between + some_a.sum(1) * some_b.sum(1);
  }
  const auto mean = [](const at::Tensor& sum, const at::Tensor& pairs) { return sum / pairs.clamp_min(1); };
  const auto distances =
      (mean(within_a, pairs_a) + mean(within_b, pairs_b) - 2 * mean(between, pairs_between)).contiguous();
  const auto* first = distances.const_data_ptr<double>();
  return {first, first + distances.numel()};
}

}  // namespace fqgan
