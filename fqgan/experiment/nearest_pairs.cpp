#include "fqgan/experiment/nearest_pairs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/plot/grid.h"

namespace fqgan {
namespace {

constexpr int64_t pairs_in_a_row = 4, pair_batch = 250;

struct Pair {
  std::string name;
  double pixel_distance = 0;
  at::Tensor images;  // uint8 C x H x 2W: generated, training; undefined if the pair is not in the picture
};

/// uint8 C x H x W
at::Tensor training_pixels(const Dataset& images, int64_t index) {
  const auto& info = images.info();
  auto pixels = torch::empty({info.height, info.width, info.channels}, torch::kUInt8);
  images.read(index, pixels.mutable_data_ptr<uint8_t>());
  return pixels.permute({2, 0, 1});
}

/// Gray beside colour becomes colour.
std::pair<at::Tensor, at::Tensor> alike(const at::Tensor& a, const at::Tensor& b) {
  const auto channels = std::max(a.size(0), b.size(0));
  return {a.expand({channels, -1, -1}), b.expand({channels, -1, -1})};
}

/// All pairs, in the order of the generated images. shown: whether the picture shows a pair.
std::vector<Pair> read_pairs(const Side& generated, const Dataset& training, const Copies& copies,
                             const std::vector<bool>& shown) {
  const auto source = generated.images(0);
  std::vector<Pair> pairs;
  for (auto batch = source->next(pair_batch); !batch.empty(); batch = source->next(pair_batch))
    for (const auto& image : batch) {
      const auto i = pairs.size();
      FQGAN_CHECK(i < copies.nearest.size(), "more images than were measured");
      const auto [made, learned] = alike(image.pixels.permute({2, 0, 1}), training_pixels(training, copies.nearest[i]));
      const auto apart = made.to(torch::kDouble) - learned.to(torch::kDouble);
      pairs.push_back({image.name, std::sqrt(apart.square().mean().item<double>()), {}});
      if (shown[i]) pairs.back().images = torch::cat({made, learned}, 2);
    }
  return pairs;
}

std::vector<int64_t> nearest_first(const Copies& copies) {
  std::vector<int64_t> order(copies.images());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t i, int64_t j) { return copies.distance[i] < copies.distance[j]; });
  return order;
}

at::Tensor picture_of(const std::vector<Pair>& pairs, const std::vector<int64_t>& shown, const Copies& copies) {
  GridOptions grid;
  grid.columns = pairs_in_a_row;
  grid.gap = 8;
  grid.minimum_cell = 2 * grid.minimum_cell;  // of both images
  grid.title = {"Left of each pair: a generated image. Right: the nearest training image,",
                "compared by their " + copies.compared + ". The nearest pairs come first.",
                "Below: the number of the pair in the table, and its distance / the distance",
                "to the second nearest training image."};
  std::vector<at::Tensor> images;
  for (const auto i : shown) {
    images.push_back(pairs[i].images);
    grid.captions.push_back(std::to_string(images.size()) + ": ratio " + significant(copies.ratio[i], 3));
  }
  return make_grid(torch::stack(images), grid);
}

std::string table_of(const std::vector<Pair>& pairs, const std::vector<int64_t>& order, const Dataset& training,
                     const Copies& copies) {
  std::string text =
      "pair,image,nearest_training_image,compared,distance,ratio_to_second,pixel_distance,below_threshold\n";
  const auto compared = copies.compared.substr(0, copies.compared.find(' '));  // "features" or "pixels"
  int64_t number = 0;
  for (const auto i : order)
    text += std::to_string(++number) + "," + csv_field(pairs[i].name) + "," +
            csv_field(training.name(copies.nearest[i])) + "," + compared + "," + significant(copies.distance[i], 6) +
            "," + significant(copies.ratio[i], 4) + "," + significant(pairs[i].pixel_distance, 4) + "," +
            (copies.by_distance(i) || copies.by_ratio(i) ? "yes" : "no") + "\n";
  return text;
}

}  // namespace

void write_nearest_pairs(const std::string& picture, const std::string& table, const Side& generated,
                         const Side& training, const Copies& copies) {
  FQGAN_CHECK(training.dataset && generated.images, "pairs of sides without images");
  const auto& learned = training.dataset->get();
  const auto order = nearest_first(copies);
  const std::vector<int64_t> shown(order.begin(), order.begin() + std::min(most_pairs, copies.images()));
  std::vector<bool> is_shown(copies.images());
  for (const auto i : shown) is_shown[i] = true;
  const auto pairs = read_pairs(generated, learned, copies, is_shown);
  write_file_atomically(picture, encode_png(picture_of(pairs, shown, copies)));
  write_file_atomically(table, table_of(pairs, order, learned, copies));
}

}  // namespace fqgan
