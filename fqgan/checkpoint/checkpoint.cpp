#include "fqgan/checkpoint/checkpoint.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>

#include "fqgan/checkpoint/header.h"
#include "fqgan/checkpoint/tensor_types.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/hash.h"

namespace fqgan {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian; nothing here swaps bytes");

struct StoredTensor {
  TensorEntry entry;
  at::Tensor data;  // CPU, contiguous
};

/// The tensors in the order of their data: by the size of their elements, largest first, so that every tensor is
/// aligned; then by name.
std::vector<StoredTensor> stored_tensors(const Checkpoint& checkpoint) {
  std::vector<StoredTensor> stored;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    FQGAN_CHECK(tensor.defined() && tensor.layout() == at::kStrided, "tensor '" + name + "' is undefined or sparse");
    FQGAN_CHECK(name != "__metadata__", "no tensor may be called __metadata__");
    const at::Tensor data = tensor.detach().cpu().contiguous();
    stored.push_back(
        {{name, stored_type_name(data.scalar_type()), data.sizes().vec(), static_cast<int64_t>(data.nbytes())}, data});
  }
  std::stable_sort(stored.begin(), stored.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return a.data.element_size() > b.data.element_size();
  });
  return stored;
}

/// An open checkpoint: the header is read and checked, and the stream is at the first byte of the data.
struct OpenFile {
  std::ifstream stream;
  CheckpointHeader header;
};

void read_bytes(const std::string& path, std::ifstream& stream, void* to, int64_t bytes) {
  stream.read(static_cast<char*>(to), bytes);
  if (stream.gcount() != bytes) fail<SystemError>(path, "reading stopped before the end of the file");
}

std::string read_header_text(const std::string& path, std::ifstream& stream, int64_t file_bytes) {
  const std::string other = "not a safetensors file. Hint: expected a checkpoint (*.safetensors)";
  if (file_bytes < header_length_bytes + 2) {
    fail<DamagedFile>(path, file_bytes == 0 ? "truncated: the file is empty" : other);
  }
  uint64_t length = 0;
  char first = 0;
  read_bytes(path, stream, &length, header_length_bytes);
  read_bytes(path, stream, &first, 1);
  if (first != '{' || length < 2 || length > header_limit_bytes) fail<DamagedFile>(path, other);
  const int64_t expected = header_length_bytes + static_cast<int64_t>(length);
  if (expected > file_bytes) {
    fail<DamagedFile>(path, "truncated: expected at least " + std::to_string(expected) + " bytes, found " +
                                std::to_string(file_bytes) +
                                ". Hint: use an earlier checkpoint, or copy the file again");
  }
  std::string text(length, first);
  read_bytes(path, stream, text.data() + 1, static_cast<int64_t>(length) - 1);
  return text;
}

OpenFile open_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) fail(path, "expected a checkpoint, found no such file");
  if (std::filesystem::is_directory(status)) fail(path, "expected a checkpoint, found a folder");
  OpenFile file{std::ifstream(path, std::ios::binary), {}};
  const auto file_bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (!file.stream || error) fail(path, "expected a checkpoint, found a file that cannot be read");
  file.header = parse_header(path, read_header_text(path, file.stream, file_bytes), file_bytes);
  return file;
}

/// Reads directly into the tensor, and hashes each piece while it is in the processor's cache.
at::Tensor read_tensor(const std::string& path, std::ifstream& stream, const TensorEntry& entry, Sha256* sum) {
  constexpr int64_t piece = 1 << 20;
  at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(*stored_type(entry.type)));
  char* to = static_cast<char*>(tensor.mutable_data_ptr());
  for (int64_t done = 0; done < entry.bytes; done += piece) {
    const int64_t bytes = std::min(piece, entry.bytes - done);
    read_bytes(path, stream, to + done, bytes);
    if (sum) sum->update(to + done, static_cast<size_t>(bytes));
  }
  return tensor;
}

}  // namespace

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  const std::vector<StoredTensor> stored = stored_tensors(checkpoint);
  std::vector<TensorEntry> entries;
  Sha256 sum;
  for (const StoredTensor& tensor : stored) {
    entries.push_back(tensor.entry);
    sum.update(tensor.data.const_data_ptr(), tensor.data.nbytes());
  }
  const std::string header = write_header(path, entries, checkpoint.metadata, sum.hex());
  FQGAN_CHECK(header.size() <= header_limit_bytes, "the header is longer than the safetensors package reads");
  const uint64_t length = header.size();

  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(header);
  for (const StoredTensor& tensor : stored) file.write(tensor.data.const_data_ptr(), tensor.data.nbytes());
  file.commit();
}

Checkpoint load_checkpoint(const std::string& path, bool require_ours) {
  OpenFile file = open_file(path);
  const bool ours = is_ours(file.header);
  if (require_ours && !ours) {
    fail(path, "expected a checkpoint written by fqgan, found a safetensors file of another program");
  }
  Checkpoint checkpoint;
  Sha256 sum;
  for (const TensorEntry& entry : file.header.tensors) {
    checkpoint.tensors[entry.name] = read_tensor(path, file.stream, entry, ours ? &sum : nullptr);
  }
  if (ours && sum.hex() != file.header.metadata.at("checksum.data")) {
    fail<DamagedFile>(
        path, "damaged: the checksum of the data differs. Hint: use an earlier checkpoint, or copy the file again");
  }
  checkpoint.metadata = std::move(file.header.metadata);
  return checkpoint;
}

CheckpointHeader read_checkpoint_header(const std::string& path) { return open_file(path).header; }

}  // namespace fqgan
