// The compression function of SHA-256 over whole blocks: a plain implementation, and one with the processor's own
// instructions, several times as fast (a checkpoint of gigabytes is hashed on every save). The choice is made at run
// time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fqgan {

/// Folds `count` blocks of 64 bytes into the eight words of `state`.
void sha256_blocks_plain(uint32_t* state, const uint8_t* blocks, size_t count);
/// The same; call it only where sha256_is_accelerated().
void sha256_blocks_accelerated(uint32_t* state, const uint8_t* blocks, size_t count);
bool sha256_is_accelerated();

}  // namespace fqgan
