// Memory of an operator's own: aligned as vectors are loaded, and unknown to LibTorch, so that any thread may take it.
#pragma once

#include <cstdint>
#include <memory>

namespace fqgan::ops {

class Scratch {
 public:
  explicit Scratch(int64_t bytes) : memory_(new char[bytes + alignment]) {}
  char* start() const {
    return memory_.get() + (alignment - reinterpret_cast<uintptr_t>(memory_.get()) % alignment) % alignment;
  }

 private:
  static constexpr int64_t alignment = 64;  // bytes: a cache line
  std::unique_ptr<char[]> memory_;
};

}  // namespace fqgan::ops
