// NumPy's .npz files: zip archives of one NAME.npy for each array, deflated or stored, as numpy.savez and
// numpy.savez_compressed write them. Pickled objects are refused, because they are code.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace fqgan {

/// An array: numbers, or one text.
struct NpzArray {
  at::Tensor numbers;  // float32, float64 or int64, contiguous; undefined for a text
  std::string text;    // ASCII; other characters become '?'
};
using NpzArrays = std::map<std::string, NpzArray>;

/// Reads the arrays of these names that are in the file, and no others. Errors: UserError that names `path`: not a zip
/// archive, a damaged or truncated one, or an array that is not little endian, of other types or above 1 GiB.
NpzArrays read_npz(const std::string& path, const std::vector<std::string>& names);

/// Writes a file, stored without compression. The same arrays give the same bytes. Errors: SystemError.
void write_npz(const std::string& path, const NpzArrays& arrays);

}  // namespace fqgan
