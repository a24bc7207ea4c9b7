// The text of a safetensors header: {"__metadata__": {...}, "name": {"dtype", "shape", "data_offsets"}, ...}, padded
// with spaces so that the data begins at a multiple of eight bytes. fqgan adds format_version and two checksums.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fqgan/checkpoint/checkpoint.h"

namespace fqgan {

inline constexpr int64_t header_length_bytes = 8;           // the little-endian length that precedes the header
inline constexpr int64_t header_limit_bytes = 100'000'000;  // the safetensors package refuses longer headers

/// Writes the header of tensors whose data is in this order, with `metadata` and fqgan's own three entries (which
/// replace entries of the same names). Errors: UserError naming `path` for a name or metadata entry that is not UTF-8.
std::string write_header(const std::string& path, const std::vector<TensorEntry>& tensors,
                         const std::map<std::string, std::string>& metadata, const std::string& data_checksum);

/// Reads a header and checks it against the file's size: known types, data without gaps or overlap, shapes that match
/// their bytes, and in fqgan's files the checksum of the header. Errors: UserError naming `path`.
CheckpointHeader parse_header(const std::string& path, std::string_view text, int64_t file_bytes);

/// Whether the file was written by fqgan: it has any of the three entries, so that damage to one of them does not make
/// it a file of another program.
bool is_ours(const CheckpointHeader& header);

}  // namespace fqgan
