// The file format of checkpoints: safetensors with checksums, written atomically, verified on load, without executable
// content.
// Tensor names: network.<name>.*, average.<name>.*, optimizer.<name>.{m,v}.<parameter>, state.*; docs/checkpoint.md.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace fqgan {

inline constexpr int64_t checkpoint_format_version = 1;

struct Checkpoint {
  std::map<std::string, at::Tensor> tensors;    // CPU, contiguous
  std::map<std::string, std::string> metadata;  // format_version, recipe, counters, cursors, log offsets, checksums
};

/// Writes a safetensors file that Python's `safetensors` opens: header JSON with `__metadata__`, 8-byte aligned data.
/// Sets format_version, checksum.data and checksum.metadata (SHA-256, hex) in the metadata. Non-contiguous or non-CPU
/// tensors are copied first. Types: float64, float32, bfloat16, float16, int64, int32, uint8, bool. The same content
/// gives the same bytes.
/// Errors: SystemError (disk full, not writable), which leaves an existing file unchanged. UserError for a name or
/// metadata entry that is not UTF-8. InternalError for another type, a sparse tensor or the name "__metadata__".
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Reads and verifies a checkpoint. Errors, all UserError with the path: missing file, not safetensors, truncated
/// (expected and found bytes), damaged (inconsistent sizes or offsets, a wrong checksum), a newer format version.
/// `require_ours = false` also accepts safetensors files of other programs, which have no format_version and no
/// checksums, after the same structural checks; a file with any of these entries is always verified in full.
Checkpoint load_checkpoint(const std::string& path, bool require_ours = true);

/// Reads only the header: names, types ("F32", "BF16", ...), shapes and metadata. Accepts files of other programs, and
/// verifies the header of fqgan's. The tensors are in the order of their data. Errors: as above.
struct TensorEntry {
  std::string name, type;
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};
struct CheckpointHeader {
  std::vector<TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
  int64_t file_bytes = 0;
};
CheckpointHeader read_checkpoint_header(const std::string& path);

}  // namespace fqgan
