// Views: data sets of some images of another one, by index. Nothing is copied.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// A view of the images `indices` of `whole`, in this order; its key is derived from whole.key() and the indices.
/// `whole` must outlive it. Errors: UserError (no images).
std::shared_ptr<const Dataset> subset(const Dataset& whole, std::vector<int64_t> indices);

/// A view of all images of `whole`, whose classes are those of `names`: class k of `whole` is class classes[k] here.
/// `whole` must outlive it.
std::shared_ptr<const Dataset> relabelled(const Dataset& whole, std::vector<int64_t> classes,
                                          std::vector<std::string> names);

/// The images that are held out of a training: a number in total or per class, chosen by the seed.
struct HoldOut {
  int64_t images = 0;
  bool per_class = false;
  uint64_t seed = 0;
};
/// Indices of images, in the random order of the choice.
struct HeldOut {
  std::vector<int64_t> held_out, rest;
};
/// `labels`: one for each image, -1 without a class. Only per_class uses them, and then images without a class are not
/// held out. Errors: UserError (no image would be left to train on, in total or of a class).
HeldOut hold_out(const std::vector<int64_t>& labels, const HoldOut& options);

}  // namespace fqgan
