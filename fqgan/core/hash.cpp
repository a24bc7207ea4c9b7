#include "fqgan/core/hash.h"

#include <algorithm>
#include <cstring>

#include "fqgan/core/hash_blocks.h"

namespace fqgan {

void Sha256::compress(const uint8_t* blocks, size_t count) {
  (sha256_is_accelerated() ? sha256_blocks_accelerated : sha256_blocks_plain)(state_.data(), blocks, count);
}

void Sha256::update(const void* data, size_t bytes) {
  if (bytes == 0) return;
  auto* from = static_cast<const uint8_t*>(data);
  const size_t waiting = total_ % 64;
  total_ += bytes;
  if (waiting > 0) {
    const size_t taken = std::min(bytes, 64 - waiting);
    std::memcpy(rest_.data() + waiting, from, taken);
    if (waiting + taken < 64) return;
    compress(rest_.data(), 1);
    from += taken, bytes -= taken;
  }
  compress(from, bytes / 64);
  std::memcpy(rest_.data(), from + bytes / 64 * 64, bytes % 64);
}

std::string Sha256::hex() {
  // The padding: a one bit, zeros, and the length in bits as a big-endian 64-bit number at the end of a block.
  const uint64_t bits = total_ * 8;
  std::array<uint8_t, 72> padding{0x80};
  const size_t zeros_to = (total_ % 64 < 56 ? 56 : 120) - total_ % 64;
  for (int i = 0; i < 8; ++i) padding[zeros_to + i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  update(padding.data(), zeros_to + 8);

  std::string text;
  for (uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 sum;
  sum.update(bytes.data(), bytes.size());
  return sum.hex();
}

}  // namespace fqgan
