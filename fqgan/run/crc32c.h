// CRC-32C (Castagnoli polynomial), the checksum of TensorBoard's event files.
#pragma once

#include <cstdint>
#include <string_view>

namespace fqgan {

uint32_t crc32c(std::string_view bytes);

/// The masked checksum of TFRecord files: rotated and offset, because a CRC of data with CRCs is problematic.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace fqgan
