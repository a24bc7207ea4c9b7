// Kernel inception distance (Binkowski et al. 2018): unbiased MMD^2 with the kernel (x.y / D + 1)^3, mean and standard
// deviation over random subsets. Matches torch-fidelity's KID, also with its --kid-kernel rbf; in float64, where
// torch-fidelity keeps the type of the features.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {

struct KernelDistanceOptions : Options {
  int64_t subsets = 100;
  int64_t subset_size = 1000;
  std::string draw = "auto";
  std::string kernel = "polynomial";
  double rbf_sigma = 10;
  int64_t seed = 2020;
  bool shrink = false;
  void fields(FieldVisitor& visit) override;
  int64_t fewest_images() const;  // of each side
  void check_kernel() const;      // Errors: UserError for a setting of another kernel
  /// Of each side, for sides with these numbers of images.
  int64_t images_of_subset(int64_t images_a, int64_t images_b) const;
};

/// a: N_a x D, b: N_b x D, any floating type. Gives the same bits for any number of threads. The estimate is unbiased,
/// so it may be below 0.
/// Errors: UserError for shapes, NaN or infinity, and for fewer images than `kid.subset_size`.
MeanAndStd kernel_distance(const at::Tensor& a, const at::Tensor& b, const KernelDistanceOptions& options);

/// The distances of R resamples of the images, for the bootstrap: over the subsets of kernel_distance(), in which each
/// pair of different images counts as often as it was drawn; one mean over the pairs of all subsets. Every kernel value
/// is computed once for all R resamples. counts_a: R x N_a, counts_b: R x N_b, float64. Errors: as there.
std::vector<double> kernel_distances_of_counts(const at::Tensor& a, const at::Tensor& b,
                                               const KernelDistanceOptions& options, const at::Tensor& counts_a,
                                               const at::Tensor& counts_b);

}  // namespace fqgan
