// Vectors of four, as the compiler makes them on any processor.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {
namespace {

struct Vector {
  static constexpr int64_t width = 4;
  typedef float Floats __attribute__((vector_size(16)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  static Floats load(const float* from) {
    Floats value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
  }
  static void store(float* to, Floats value) { __builtin_memcpy(to, &value, sizeof value); }
  static Floats set(float x) { return Floats{x, x, x, x}; }
  static Floats fma(Floats a, Floats b, Floats c) { return a * b + c; }
  static Floats max(Floats a, Floats b) { return select(a > b, a, b); }
  static Floats min(Floats a, Floats b) { return select(a < b, a, b); }
  static Ints above(Floats a, Floats b) { return a > b; }
  static Floats select(Ints mask, Floats yes, Floats no) {
    return reinterpret_cast<Floats>((mask & reinterpret_cast<Ints>(yes)) | (~mask & reinterpret_cast<Ints>(no)));
  }
  static void select_codes(Ints mask, int32_t code, int32_t* at) {
    Ints before;
    __builtin_memcpy(&before, at, sizeof before);
    const Ints after = (mask & Ints{code, code, code, code}) | (~mask & before);
    __builtin_memcpy(at, &after, sizeof after);
  }
};

}  // namespace
}  // namespace fqgan::ops::kernels
