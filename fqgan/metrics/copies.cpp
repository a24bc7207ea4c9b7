#include "fqgan/metrics/copies.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/metrics/check_features.h"
#include "fqgan/metrics/nearest.h"

namespace fqgan {
namespace {

constexpr int64_t enough_held_out = 100;  // fewer images have no 1 % quantile
constexpr double many_copies = 0.1;
constexpr double false_alarms = 0.01 / 4;  // of one of four tests

/// The rows of a matrix as bytes, by which equal rows are found.
class RowBytes {
 public:
  /// x: N x D, contiguous
  explicit RowBytes(const at::Tensor& x)
      : signless_(x + 0.),  // -0 becomes 0
        bytes_(static_cast<const char*>(signless_.const_data_ptr())),
        length_(static_cast<size_t>(x.size(1) * x.element_size())) {}
  int64_t count() const { return signless_.size(0); }
  std::string_view row(int64_t i) const { return {bytes_ + static_cast<size_t>(i) * length_, length_}; }

 private:
  at::Tensor signless_;
  const char* bytes_;
  size_t length_;
};

/// The first of each group of equal rows. x: N x D, contiguous
std::vector<int64_t> different_rows(const at::Tensor& x) {
  const RowBytes bytes(x);
  std::unordered_set<std::string_view> seen;
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < bytes.count(); ++i)
    if (seen.insert(bytes.row(i)).second) rows.push_back(i);
  return rows;
}

/// Distances to the nearest point, and their ratios to the distances of the second nearest.
struct Proximity {
  std::vector<double> distance, ratio;

  /// nearest: of different points, so that the second distance is above 0.
  explicit Proximity(const Nearest& nearest) {
    for (int64_t i = 0; i < nearest.count(); ++i) {
      distance.push_back(std::sqrt(nearest.squared_at(i, 0)));
      ratio.push_back(distance.back() / std::sqrt(nearest.squared_at(i, 1)));
    }
  }
};

/// The place of the lower quantile in `values` values, from 0.
int64_t place_of_quantile(int64_t values) {
  return static_cast<int64_t>(copied_quantile * static_cast<double>(values - 1));
}

double lower_quantile(std::vector<double> values) {
  const auto place = place_of_quantile(std::ssize(values));
  std::nth_element(values.begin(), values.begin() + place, values.end());
  return values[place];
}

/// Sets the thresholds. Sets of the screen: training, generated, and the held-out images if there are any.
void set_thresholds(Copies& copies, const Screen& screen) {
  std::optional<Proximity> real;
  if (screen.sets.size() > 2) {
    real.emplace(nearest_between(screen, 2, 0, 2));
    copies.held_out_in_training = std::erase(real->distance, 0.);
    std::erase(real->ratio, 0.);
    copies.of_held_out = std::ssize(real->distance) >= enough_held_out;
  }
  if (!copies.of_held_out) real.emplace(nearest_within(screen, 0, 2));
  copies.real = std::ssize(real->distance);
  copies.threshold = lower_quantile(std::move(real->distance));
  copies.ratio_threshold = lower_quantile(std::move(real->ratio));
}

}  // namespace

Copies find_copies(const at::Tensor& generated, const at::Tensor& training, const at::Tensor& held_out) {
  const auto where = "copied";
  check_features(generated, where, "generated features");
  check_features(training, where, "training features");
  check_same_dimension(generated.size(1), training.size(1), where);
  check_images(generated.size(0), 1, where, "generated images", "use more images");
  std::vector<at::Tensor> sets{training, generated};
  if (held_out.defined()) {
    check_features(held_out, where, "held-out features");
    check_same_dimension(held_out.size(1), training.size(1), where);
    if (held_out.size(0) > 0) sets.push_back(held_out);
  }
  sets = as_points(sets);
  const auto different = different_rows(sets[0]);
  check_images(std::ssize(different), fewest_training_for_copies, where, "different training images",
               "use more training images");
  sets[0] = at::index_select(sets[0], 0, at::tensor(different));

  const auto screen = make_screen(sets, screen_type());
  const auto nearest = nearest_between(screen, 1, 0, 2);
  Proximity found(nearest);
  Copies copies;
  for (int64_t i = 0; i < nearest.count(); ++i) copies.nearest.push_back(different[nearest.index_at(i, 0)]);
  copies.distance = std::move(found.distance);
  copies.ratio = std::move(found.ratio);
  set_thresholds(copies, screen);
  return copies;
}

int64_t Copies::count_by_distance() const {
  return std::count_if(distance.begin(), distance.end(), [&](double value) { return value < threshold; });
}

int64_t Copies::count_by_ratio() const {
  return std::count_if(ratio.begin(), ratio.end(), [&](double value) { return value < ratio_threshold; });
}

int64_t most_by_chance(int64_t images, int64_t real) {
  const auto log_beta = [](double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); };
  const auto n = static_cast<double>(images), alpha = static_cast<double>(place_of_quantile(real) + 1);
  const double beta = static_cast<double>(real) + 1 - alpha;
  double below = 0;  // the probability of at most `count` images
  for (int64_t count = 0; count < images; ++count) {
    const auto x = static_cast<double>(count);
    const double choices = -std::log(n + 1) - log_beta(n - x + 1, x + 1);  // logarithm of n over x
    below += std::exp(choices + log_beta(x + alpha, n - x + beta) - log_beta(alpha, beta));
    if (below >= 1 - false_alarms) return count;
  }
  return images;
}

Copying copying_of(const Copies& copies) {
  // Two training images that are each other's nearest have one distance, so that these hold half as many values.
  const auto independent = copies.of_held_out ? copies.real : std::max<int64_t>(copies.real / 2, 1);
  const auto apart = copies.count_by_ratio();
  if (std::max(copies.count_by_distance(), apart) <= most_by_chance(copies.images(), independent))
    return Copying::no_sign;
  const auto many = many_copies * static_cast<double>(copies.images());
  return static_cast<double>(apart) > many ? Copying::repeats : Copying::suspected;
}

std::string verdict(const Copies& copies) {
  const auto some = [&](int64_t count) {
    return std::to_string(count) + " (" +
           significant(100 * static_cast<double>(count) / static_cast<double>(copies.images()), 3) + " %)";
  };
  const auto text = "of " + plural(copies.images(), "generated image") + ", compared by their " + copies.compared +
                    ", " + some(copies.count_by_distance()) + " are nearer to a training image than all but 1 % of " +
                    std::to_string(copies.real) + (copies.of_held_out ? " held-out" : " training") +
                    " images are, and " + some(copies.count_by_ratio()) +
                    " are so relative to the second nearest one: ";
  switch (copying_of(copies)) {
    case Copying::no_sign:
      return text + "no sign of copying";
    case Copying::repeats:
      return text + "the generator repeats training images";
    default:
      return text + "more than chance gives, so look at the nearest pairs";
  }
}

int64_t equal_rows(const at::Tensor& x, const at::Tensor& y) {
  const auto points = as_points({x, y});
  const RowBytes own(points[0]), others(points[1]);
  std::unordered_set<std::string_view> known;
  for (int64_t i = 0; i < others.count(); ++i) known.insert(others.row(i));
  int64_t equal = 0;
  for (int64_t i = 0; i < own.count(); ++i) equal += known.contains(own.row(i));
  return equal;
}

std::vector<double> authentic(const at::Tensor& training, const at::Tensor& generated) {
  const auto where = "auth";
  check_features(training, where, "training features");
  check_features(generated, where, "generated features");
  check_same_dimension(training.size(1), generated.size(1), where);
  check_images(training.size(0), fewest_training_for_authenticity, where, "training images", "use more images");
  check_images(generated.size(0), 1, where, "generated images", "use more images");
  const auto screen = make_screen(as_points({training, generated}), screen_type());
  const auto own = nearest_within(screen, 0, 1), nearest = nearest_between(screen, 1, 0, 1);
  std::vector<double> is_authentic;
  for (int64_t i = 0; i < nearest.count(); ++i)
    is_authentic.push_back(own.squared_at(nearest.index_at(i, 0), 0) < nearest.squared_at(i, 0));
  return is_authentic;
}

}  // namespace fqgan
