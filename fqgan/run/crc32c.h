// CRC-32C (Castagnoli polynomial), the checksum of TensorBoard's event files.
#pragma once

#include <cstdint>
#include <string_view>

namespace fqgan {

uint32_t crc32c(std::string_view bytes);

/// As TFRecord files store it: rotated and offset, so that a checksum of checksummed data is no fixed pattern.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace fqgan
