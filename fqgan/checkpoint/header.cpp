#include "fqgan/checkpoint/header.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <tuple>

#include "fqgan/checkpoint/tensor_types.h"
#include "fqgan/core/error.h"
#include "fqgan/core/hash.h"

namespace fqgan {
namespace {

using nlohmann::json;

const std::string restore_hint = ". Hint: use an earlier checkpoint, or copy the file again";
constexpr std::string_view metadata_name = "__metadata__";
constexpr size_t checksum_digits = 64;

/// The position of the header's checksum, 64 hex digits. It is the first such text, because write_header puts fqgan's
/// entries before everything that a user may name. npos: not a header of fqgan.
size_t checksum_place(std::string_view text) {
  constexpr std::string_view opening = "\"checksum.metadata\":\"";
  const size_t found = text.find(opening);
  return found == text.npos || text.size() < found + opening.size() + checksum_digits ? text.npos
                                                                                      : found + opening.size();
}

/// SHA-256 of every byte of the header, with the digits of the checksum itself as zeros.
std::string header_checksum(std::string_view text, size_t place) {
  Sha256 sum;
  sum.update(text.data(), place);
  sum.update(std::string(checksum_digits, '0').data(), checksum_digits);
  sum.update(text.data() + place + checksum_digits, text.size() - place - checksum_digits);
  return sum.hex();
}

std::string quoted(const std::string& path, const std::string& text) {
  try {
    return json(text).dump();
  } catch (const json::type_error&) {
    fail(path, "expected names and metadata in UTF-8, got " +
                   json(text).dump(-1, ' ', true, json::error_handler_t::replace) +
                   ". Hint: rename that folder, file or class");
  }
}

struct PlacedTensor {
  TensorEntry entry;
  int64_t begin = 0, end = 0;  // within the data section
};

/// A size or offset: at most 2^62, so that sums of two cannot overflow.
int64_t parse_size(const std::string& path, const std::string& tensor, const json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > (uint64_t{1} << 62)) {
    fail<DamagedFile>(path, "damaged: tensor '" + tensor + "' has the size or offset " + value.dump());
  }
  return value.get<int64_t>();
}

int64_t bytes_of(const std::string& path, const TensorEntry& entry) {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(*stored_type(entry.type)));
  bool overflow = false, empty = false;
  for (int64_t extent : entry.shape) {
    empty |= extent == 0;
    overflow |= __builtin_mul_overflow(bytes, std::max<int64_t>(extent, 1), &bytes);
  }
  if (overflow) fail<DamagedFile>(path, "damaged: tensor '" + entry.name + "' has an impossible shape" + restore_hint);
  return empty ? 0 : bytes;
}

PlacedTensor parse_tensor(const std::string& path, const std::string& name, const json& value) {
  const bool complete = value.is_object() && value.contains("dtype") && value["dtype"].is_string() &&
                        value.contains("shape") && value["shape"].is_array() && value.contains("data_offsets") &&
                        value["data_offsets"].is_array() && value["data_offsets"].size() == 2;
  if (!complete)
    fail<DamagedFile>(path, "damaged: tensor '" + name + "' lacks dtype, shape or data_offsets" + restore_hint);

  PlacedTensor tensor;
  tensor.entry.name = name;
  tensor.entry.type = value["dtype"].get<std::string>();
  if (!stored_type(tensor.entry.type)) {
    fail(path, "expected tensor types " + stored_type_names() + ", got '" + tensor.entry.type + "' for tensor '" +
                   name + "'. Hint: convert it to float32 first");
  }
  for (const json& extent : value["shape"]) tensor.entry.shape.push_back(parse_size(path, name, extent));
  tensor.begin = parse_size(path, name, value["data_offsets"][0]);
  tensor.end = parse_size(path, name, value["data_offsets"][1]);
  tensor.entry.bytes = bytes_of(path, tensor.entry);
  if (tensor.end - tensor.begin != tensor.entry.bytes) {
    fail<DamagedFile>(path, "damaged: tensor '" + name + "' expected " + std::to_string(tensor.entry.bytes) +
                                " bytes, found " + std::to_string(tensor.end - tensor.begin) + restore_hint);
  }
  return tensor;
}

std::map<std::string, std::string> parse_metadata(const std::string& path, const json& value) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) fail<DamagedFile>(path, "damaged: the metadata is not a table of strings" + restore_hint);
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string())
      fail<DamagedFile>(path, "damaged: metadata entry '" + key + "' is not a string" + restore_hint);
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

void check_version(const std::string& path, const CheckpointHeader& header) {
  const auto found = header.metadata.find("format_version");
  const std::string version = found == header.metadata.end() ? "" : found->second;
  if (version == std::to_string(checkpoint_format_version)) return;
  int64_t number = 0;
  const char* end = version.data() + version.size();
  const auto [stopped, error] = std::from_chars(version.data(), end, number);
  if (error != std::errc() || stopped != end || number < checkpoint_format_version) {
    fail<DamagedFile>(path, "damaged: format_version is '" + version + "'" + restore_hint);
  }
  fail(path, "expected format_version " + std::to_string(checkpoint_format_version) + ", got the newer " + version +
                 ". Hint: use a newer version of fqgan");
}

void check_header_checksum(const std::string& path, const CheckpointHeader& header, std::string_view text) {
  const size_t place = checksum_place(text);
  const bool same = place != text.npos && header.metadata.contains("checksum.data") &&
                    text.substr(place, checksum_digits) == header_checksum(text, place);
  if (!same) fail<DamagedFile>(path, "damaged: the checksum of the header differs" + restore_hint);
}

/// Checks that the tensors, in the order of their data, fill the data section without gap or overlap.
std::vector<TensorEntry> in_file_order(const std::string& path, std::vector<PlacedTensor> placed, int64_t data_begin,
                                       int64_t file_bytes) {
  std::sort(placed.begin(), placed.end(), [](const PlacedTensor& a, const PlacedTensor& b) {
    return std::tie(a.begin, a.end, a.entry.name) < std::tie(b.begin, b.end, b.entry.name);
  });
  std::vector<TensorEntry> tensors;
  int64_t end = 0;
  for (PlacedTensor& tensor : placed) {
    if (tensor.begin != end) {
      fail<DamagedFile>(path, "damaged: the data of tensor '" + tensor.entry.name + "' expected at byte " +
                                  std::to_string(end) + ", found at " + std::to_string(tensor.begin) + restore_hint);
    }
    end = tensor.end;
    tensors.push_back(std::move(tensor.entry));
  }
  const int64_t expected = data_begin + end;
  if (expected != file_bytes) {
    fail<DamagedFile>(path, std::string(file_bytes < expected ? "truncated" : "damaged") + ": expected " +
                                std::to_string(expected) + " bytes, found " + std::to_string(file_bytes) +
                                restore_hint);
  }
  return tensors;
}

}  // namespace

bool is_ours(const CheckpointHeader& header) {
  return header.metadata.contains("format_version") || header.metadata.contains("checksum.data") ||
         header.metadata.contains("checksum.metadata");
}

std::string write_header(const std::string& path, const std::vector<TensorEntry>& tensors,
                         const std::map<std::string, std::string>& metadata, const std::string& data_checksum) {
  const std::map<std::string, std::string> ours = {{"checksum.data", data_checksum},
                                                   {"checksum.metadata", std::string(checksum_digits, '0')},
                                                   {"format_version", std::to_string(checkpoint_format_version)}};
  std::string text = "{\"__metadata__\":{";
  for (const auto& [key, value] : ours) text += quoted(path, key) + ":" + quoted(path, value) + ",";
  for (const auto& [key, value] : metadata) {
    if (!ours.contains(key)) text += quoted(path, key) + ":" + quoted(path, value) + ",";
  }
  text.back() = '}';
  int64_t offset = 0;
  for (const TensorEntry& tensor : tensors) {
    const json value = {
        {"dtype", tensor.type}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes}}};
    text += "," + quoted(path, tensor.name) + ":" + value.dump();
    offset += tensor.bytes;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const size_t place = checksum_place(text);
  return text.replace(place, checksum_digits, header_checksum(text, place));
}

CheckpointHeader parse_header(const std::string& path, std::string_view text, int64_t file_bytes) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) fail<DamagedFile>(path, "damaged: the header is not JSON" + restore_hint);
  CheckpointHeader header;
  header.file_bytes = file_bytes;
  std::vector<PlacedTensor> placed;
  for (const auto& [name, value] : root.items()) {
    if (name == metadata_name)
      header.metadata = parse_metadata(path, value);
    else
      placed.push_back(parse_tensor(path, name, value));
  }
  if (is_ours(header)) {
    check_version(path, header);
    check_header_checksum(path, header, text);
  }
  const int64_t data_begin = header_length_bytes + static_cast<int64_t>(text.size());
  header.tensors = in_file_order(path, std::move(placed), data_begin, file_bytes);
  return header;
}

}  // namespace fqgan
