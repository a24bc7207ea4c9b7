// NumPy's .npy format (versions 1 to 3): a header, which is the text of a Python dictionary, and the values. Only the
// header is handled here, because an .npz file gives the values from its archive.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fqgan {

struct NpyHeader {
  std::string type;  // NumPy's name: "<f8", "<U12", "|O"
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t bytes = 0;  // the length of the header in the file
};

/// The first bytes of a .npy file that tell how long its header is.
inline constexpr int64_t npy_start_bytes = 12;
/// The length of the whole header, from its first npy_start_bytes. Errors: UserError that starts with `where` for
/// another format, or a header of more than 10,000 bytes (NumPy's own limit).
int64_t npy_header_bytes(std::string_view start, const std::string& where);

/// Reads a whole header. Errors: UserError that starts with `where`.
NpyHeader parse_npy_header(std::string_view header, const std::string& where);

/// Writes a header of version 1 for values in C order.
std::string npy_header(const std::string& type, const std::vector<int64_t>& shape);

}  // namespace fqgan
