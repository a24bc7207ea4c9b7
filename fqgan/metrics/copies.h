// Generated images that copy training images: the nearest training image of each, in the space of the features.
// With features of poor quality copies are missed, and different images look alike; look at the pairs themselves
// (Stein et al. 2023, 'Exposing flaws of generative model evaluation metrics', section 5).
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// The fraction of real images that lie below each threshold of Copies.
inline constexpr double copied_quantile = 0.01;

inline constexpr int64_t fewest_training_for_copies = 3;  // images that differ
inline constexpr int64_t fewest_training_for_authenticity = 2;

struct Copies {
  std::string compared = "features";  // what of the images: for the verdict
  std::vector<int64_t> nearest;       // N: the nearest training image, the first one of equal images
  std::vector<double> distance;       // N
  std::vector<double> ratio;   // N: distance / distance to the nearest training image that is not equal to that one
  double threshold = 0;        // an image that is nearer than this to a training image counts as a copy
  double ratio_threshold = 0;  // and so does one with a smaller ratio
  int64_t real = 0;            // the number of real images that the thresholds are taken from
  bool of_held_out = false;    // whether these are the held-out images, else the training images
  int64_t held_out_in_training = 0;  // held-out images that equal a training image

  int64_t images() const { return static_cast<int64_t>(distance.size()); }
  int64_t count_by_distance() const;
  int64_t count_by_ratio() const;
  bool by_distance(int64_t i) const { return distance[i] < threshold; }
  bool by_ratio(int64_t i) const { return ratio[i] < ratio_threshold; }
};

/// generated: N x D, training: T x D, held_out: M x D or undefined, any floating types.
/// The thresholds are 1 % quantiles (numpy.percentile with method="lower") of the distances and ratios of real images:
/// of the held-out images that do not equal a training image, if there are 100 of them, else of the training images,
/// each compared with the others. Equal training images count as one image, so that they neither bring the threshold to
/// 0 nor a ratio to 1. About 1 % of the images of a generator that draws from the distribution of the real images are
/// below a threshold. The distance alone misses copies with noise wherever the training images are far apart; the ratio
/// does not, but it misses copies of images that have near doubles in the training set.
/// Errors: UserError for shapes, NaN or infinity, no generated images, fewer than 3 different training images.
Copies find_copies(const at::Tensor& generated, const at::Tensor& training, const at::Tensor& held_out);

/// The largest number of `images` new images below a threshold that still counts as chance. A threshold is the k-th
/// smallest of `real` values, k = floor(0.01 (real - 1)) + 1. The number of new images of the same distribution below
/// it has a beta-binomial distribution with n = images, alpha = k and beta = real - k + 1. This is its 99.75 %
/// quantile, so that the four tests of a verdict (distance and ratio, of features and of pixels) together raise a false
/// alarm in at most 1 % of all cases (Bonferroni), also where few real images make the thresholds vary much.
int64_t most_by_chance(int64_t images, int64_t real);

/// A generator repeats training images if more than a tenth of its images are copies by ratio. The distance alone does
/// not show it, because blurred images are near to everything. If more images are below a threshold than chance gives
/// (most_by_chance), the pairs have to be looked at.
enum class Copying { no_sign, suspected, repeats };
Copying copying_of(const Copies& copies);

/// The same as one sentence with the numbers.
std::string verdict(const Copies& copies);

/// How many rows of x: N x D are also rows of y: M x D.
int64_t equal_rows(const at::Tensor& x, const at::Tensor& y);

/// Authenticity (Alaa et al. 2022, 'How Faithful is your Synthetic Data?', section 3.3): 1 for each generated image
/// whose nearest training image t is farther away than t's own nearest training image, else 0. 100 times the mean is
/// AuthPct as in dgm-eval's authpct.py. Different on purpose: the distances are float64. It is 0 for exact copies;
/// compare it with the value of held-out images, which depends on the data and the features. training: T x D,
/// generated: N x D. Errors: UserError for shapes, NaN or infinity, fewer than 2 training images.
std::vector<double> authentic(const at::Tensor& training, const at::Tensor& generated);

}  // namespace fqgan
