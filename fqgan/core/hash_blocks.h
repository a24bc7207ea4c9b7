// The compression function of SHA-256 over whole blocks: a plain implementation, and one with the processor's SHA
// instructions, which is several times as fast (every save hashes a checkpoint of gigabytes). Chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fqgan {

/// Adds `count` blocks of 64 bytes to the eight words of `state`.
void sha256_blocks_plain(uint32_t* state, const uint8_t* blocks, size_t count);
/// The same by SHA instructions; call it only if sha256_is_accelerated().
void sha256_blocks_accelerated(uint32_t* state, const uint8_t* blocks, size_t count);
bool sha256_is_accelerated();

}  // namespace fqgan
