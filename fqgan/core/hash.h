// SHA-256 (FIPS 180-4), for checksums of checkpoints, keys of data sets and caches, short names of files and weights.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fqgan {

class Sha256 {
 public:
  void update(const void* data, size_t bytes);
  /// The digest of all added bytes, 64 lower-case hex digits. Nothing may be added afterwards.
  std::string hex();

 private:
  void compress(const uint8_t* blocks, size_t count);  // of 64 bytes

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> rest_{};  // bytes that do not fill a block yet
  uint64_t total_ = 0;              // bytes so far
};

/// The digest of `bytes`, 64 lower-case hex digits.
std::string sha256(std::string_view bytes);

}  // namespace fqgan
