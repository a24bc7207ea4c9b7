// Small data files for the data room's tests.
#pragma once

#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace fqgan::test {

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline void append_big_endian(std::string& to, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>(value >> shift & 0xff));
}

inline std::string idx_images(int count, int height, int width) {
  std::string bytes;
  for (uint32_t value : {0x803, count, height, width}) append_big_endian(bytes, value);
  for (int i = 0; i < count * height * width; ++i) bytes.push_back(static_cast<char>(i * 7 % 251));
  return bytes;
}

inline std::string idx_labels(const std::vector<int>& labels) {
  std::string bytes;
  append_big_endian(bytes, 0x801);
  append_big_endian(bytes, static_cast<uint32_t>(labels.size()));
  for (int label : labels) bytes.push_back(static_cast<char>(label));
  return bytes;
}

inline std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string result(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  deflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

}  // namespace fqgan::test
