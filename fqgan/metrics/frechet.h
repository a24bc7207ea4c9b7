// Frechet distance between Gaussians (Dowson and Landau 1982), which on Inception features is FID (Heusel et al. 2017):
//   |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)
// Matches pytorch-fid's calculate_frechet_distance and torch-fidelity's FID on equal features. On purpose different:
// the trace is a sum of square roots of the eigenvalues of a symmetric matrix, so that no general matrix square root,
// no imaginary part and no epsilon are needed.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/metrics/moments.h"

namespace fqgan {

inline constexpr int64_t fewest_for_frechet = 2;  // images of each side, because a covariance needs two

/// A side with at most D images has a singular covariance; the value is then biased upwards, of which the caller should
/// warn. Moments then keeps the rows, which are used instead: exact and cheaper. With rows on both sides the trace is
/// the nuclear norm |A B^T|_* / sqrt((N_a - 1)(N_b - 1)) of the centred features; with rows on one side it is the sum
/// of the square roots of the eigenvalues of A S2 A^T / (N_a - 1). Infinite or NaN for features whose products do not
/// fit into float64. Errors: UserError below 2 images, for different D, or for a value clearly below 0.
double frechet_distance(const Moments& a, const Moments& b);

/// From mean D and covariance D x D (symmetric, float32 or float64). Errors: UserError for inconsistent shapes, NaN,
/// infinity, or a covariance that is not symmetric.
double frechet_distance(const at::Tensor& mean_a, const at::Tensor& covariance_a, const at::Tensor& mean_b,
                        const at::Tensor& covariance_b);

/// From features N_a x D and N_b x D, through Moments. Errors as above.
double frechet_distance_of_features(const at::Tensor& a, const at::Tensor& b);

/// tr (S1 S2)^(1/2) of two symmetric positive semidefinite D x D float64 matrices. `rank` bounds the rank of S1 S2
/// (number of images less one, else D); smaller eigenvalues are rounding errors and are left out.
double trace_of_root(const at::Tensor& s1, const at::Tensor& s2, int64_t rank);

}  // namespace fqgan
