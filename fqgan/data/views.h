// Views: a data set made of some images of another, by index. Nothing is copied.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// The images `indices` of `whole`, in this order; its key follows from whole.key() and the indices. `whole` must
/// outlive it. Errors: UserError (no images).
std::shared_ptr<const Dataset> subset(const Dataset& whole, std::vector<int64_t> indices);

/// Which images are held out of a training: so many of all or of each class, chosen by the seed.
struct HoldOut {
  int64_t images = 0;
  bool per_class = false;
  uint64_t seed = 0;
};
/// Indices, in the random order that chose them.
struct HeldOut {
  std::vector<int64_t> held_out, rest;
};
/// `labels`: one for each image, -1 without a class; only per_class reads them (images without a class are not held out
/// then). Errors: UserError (nothing would be left to train on, in all or of a class).
HeldOut hold_out(const std::vector<int64_t>& labels, const HoldOut& options);

}  // namespace fqgan
