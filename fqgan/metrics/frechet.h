// Frechet distance between Gaussians (Dowson and Landau 1982), which on Inception features is FID (Heusel et al. 2017):
//   |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)
// Matches pytorch-fid's calculate_frechet_distance and torch-fidelity's FID on equal features. On purpose without their
// general matrix square root: the trace is a sum of roots of eigenvalues of a symmetric matrix, so there is no
// imaginary part to drop and no epsilon to add.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/metrics/moments.h"

namespace fqgan {

/// With at most D images on a side its covariance is singular (allowed; the value is then biased upwards, which the
/// caller should say) and the rows, which Moments keeps then, take its place: exact and cheaper. On both sides the
/// trace is the nuclear norm |A B^T|_* / sqrt((N_a - 1)(N_b - 1)) of the centred features, on one side the sum of the
/// roots of the eigenvalues of A S2 A^T / (N_a - 1). Errors: UserError below 2 images on a side, or for D that differ.
double frechet_distance(const Moments& a, const Moments& b);

/// mean D, covariance D x D (symmetric, float32 or float64). Errors: UserError for shapes that do not fit, NaN,
/// infinity, or a covariance that is not symmetric.
double frechet_distance(const at::Tensor& mean_a, const at::Tensor& covariance_a, const at::Tensor& mean_b,
                        const at::Tensor& covariance_b);

/// From features N_a x D and N_b x D, through Moments. Errors as above.
double frechet_distance_of_features(const at::Tensor& a, const at::Tensor& b);

/// tr (S1 S2)^(1/2) of two symmetric positive semidefinite D x D float64 matrices. `rank` bounds the rank of S1 S2
/// where it is known (number of images less one, else D): eigenvalues beyond it are rounding and are left out.
double trace_of_root(const at::Tensor& s1, const at::Tensor& s2, int64_t rank);

}  // namespace fqgan
