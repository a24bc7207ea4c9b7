// C_T (Meehan, Chaudhuri and Dasgupta 2020, 'A Non-Parametric Test to Detect Data-Copying in Generative Models'): are
// generated images nearer to the training images than held-out test images are? In the form of dgm-eval's ct.py, which
// is the authors' code after a PCA. Far below 0: the generated images are too near to training images, so that they are
// copies; far above 0: they are too far away, so that the model fits badly.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "fqgan/core/fields.h"

namespace fqgan {

struct CopyTestOptions : Options {
  int64_t cells = 3;
  int64_t seed = 0;
  void fields(FieldVisitor& visit) override;
  int64_t fewest_training_images() const;
};
inline constexpr int64_t fewest_generated_for_copy_test = 21;  // in one cell

/// Features N x D of each set, any floating type. With more than 64 features, all sets are projected on the 64 main
/// components of the training set. The training set is divided into cells by k-means. In each cell with more than 20
/// generated images, the Mann-Whitney U of the distances to the nearest training image of the cell, generated against
/// test, becomes a z (with continuity correction, without correction for ties); C_T is their mean, weighted by the
/// number of test images in the cell.
/// Different on purpose: the PCA is exact and k-means has a seed, so that the value is reproducible, and a cell without
/// test images has weight 0 instead of being an error. The last digits depend on LAPACK.
/// Unset: no cell has a test image and more than 20 generated images, so that C_T is not defined.
/// Errors: UserError for shapes, NaN or infinity, fewer training images than cells.
std::optional<double> copy_test(const at::Tensor& training, const at::Tensor& test, const at::Tensor& generated,
                                const CopyTestOptions& options);

}  // namespace fqgan
