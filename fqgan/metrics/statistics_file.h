// Saved statistics: the mean and covariance of a side's features, which suffice for a Frechet distance. There are two
// forms: .safetensors, which keeps the moments to the bit, and NumPy's .npz with `mu` (D) and `sigma` (D x D), which
// pytorch-fid and clean-fid write and read. Ours also have `convention` (the extractor's name) and `count`.
#pragma once

#include <string>

#include "fqgan/metrics/measured.h"

namespace fqgan {

/// Whether saved statistics of this name are in NumPy's form.
bool is_npz(const std::string& path);

/// Writes the form that the name's ending says. Errors: UserError for a safetensors file of an unknown number of
/// images; SystemError.
void save_statistics(const std::string& path, const Measured& measured);

/// The extractor and the number of images are unknown if a .npz file does not have them. Errors: UserError for another
/// kind of file, and for a damaged one.
Measured load_statistics(const std::string& path);

}  // namespace fqgan
