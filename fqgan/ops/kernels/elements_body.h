// How elements are read, written, summed and turned: bfloat16 and float32, rows and columns. V: a set's vectors.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {
namespace {

inline float from_bits(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}
inline float widen(uint16_t x) { return from_bits(static_cast<uint32_t>(x) << 16); }
inline float widen(float x) { return x; }

/// To nearest even; NaN stays NaN.
inline uint16_t narrow(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}
inline void put(float x, float& out) { out = x; }
inline void put(float x, uint16_t& out) { out = narrow(x); }

/// A vector of one number: the interface of a set's vectors, for what is left over.
struct One {
  static constexpr int64_t width = 1;
  using Floats = float;
  static float load(const float* from) { return *from; }
  static void store(float* to, float value) { *to = value; }
  static float set(float x) { return x; }
  static float max(float a, float b) { return a > b ? a : b; }
  static float min(float a, float b) { return a < b ? a : b; }
  static bool above(float a, float b) { return a > b; }
  static float select(bool mask, float yes, float no) { return mask ? yes : no; }
};

template <class T, int64_t count>
struct VectorOf {
  typedef T Type __attribute__((vector_size(count * sizeof(T))));
};

/// V::width numbers as floats.
template <class V>
inline typename V::Floats load_wide(const float* from) {
  return V::load(from);
}
template <class V>
inline typename V::Floats load_wide(const uint16_t* from) {
  if constexpr (V::width == 1) {
    return widen(*from);
  } else {
    using Halves = typename VectorOf<uint16_t, V::width>::Type;
    using Words = typename VectorOf<uint32_t, V::width>::Type;
    Halves halves;
    __builtin_memcpy(&halves, from, sizeof halves);
    return (typename V::Floats)(__builtin_convertvector(halves, Words) << 16);
  }
}

/// Its inverse; rounds as narrow().
template <class V>
inline void store_narrow(float* to, typename V::Floats value) {
  V::store(to, value);
}
template <class V>
inline void store_narrow(uint16_t* to, typename V::Floats value) {
  if constexpr (V::width == 1) {
    *to = narrow(value);
  } else {
    using Halves = typename VectorOf<uint16_t, V::width>::Type;
    using Words = typename VectorOf<uint32_t, V::width>::Type;
    const auto bits = (Words)value;
    const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Words is_nan = (Words)((bits & 0x7fffffffu) > 0x7f800000u);
    const Halves halves = __builtin_convertvector((is_nan & 0x7fc0u) | (~is_nan & rounded), Halves);
    __builtin_memcpy(to, &halves, sizeof halves);
  }
}

template <class From, class To>
void convert(const From* __restrict from, int64_t count, To* __restrict to) {
  for (int64_t i = 0; i < count; ++i) put(widen(from[i]), to[i]);
}
template <class T>
void convert(const T* __restrict from, int64_t count, T* __restrict to) {
  __builtin_memcpy(to, from, count * sizeof(T));
}

constexpr int side = 16;  // of a square that is turned in registers

template <int... lane>
struct Lanes {};
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;

/// Exchanges the upper right with the lower left of each square of 2 distance x 2 distance.
template <int distance, class Line, int... lane>
inline void exchange(Line& upper, Line& lower, Lanes<lane...>) {
  const Line first = __builtin_shufflevector(upper, lower, (lane & distance ? side + lane - distance : lane)...);
  lower = __builtin_shufflevector(upper, lower, (lane & distance ? side + lane : lane + distance)...);
  upper = first;
}
template <int distance, class Line>
inline void exchange_all(Line (&line)[side]) {
#pragma GCC unroll 16
  for (int i = 0; i < side; ++i)
    if (!(i & distance)) exchange<distance>(line[i], line[i | distance], AllLanes{});
}

template <class A, class B>
struct Narrower {
  typedef uint16_t Type;
};
template <>
struct Narrower<float, float> {
  typedef float Type;
};

/// A whole square, in the narrower of both types.
template <class From, class To>
inline void turn(const From* from, int64_t from_stride, To* to, int64_t to_stride) {
  using Element = typename Narrower<From, To>::Type;
  typename VectorOf<Element, side>::Type line[side];
  Element values[side];
  for (int i = 0; i < side; ++i) {
    convert(from + i * from_stride, side, values);
    __builtin_memcpy(&line[i], values, sizeof values);
  }
  exchange_all<8>(line);
  exchange_all<4>(line);
  exchange_all<2>(line);
  exchange_all<1>(line);
  for (int i = 0; i < side; ++i) {
    __builtin_memcpy(values, &line[i], sizeof values);
    convert(values, side, to + i * to_stride);
  }
}

/// Less than a square, and whole ones where a line does not fit into a register.
template <class From, class To>
inline void turn_part(const From* from, int64_t from_stride, int64_t height, int64_t width, To* to, int64_t to_stride) {
  To square[side][side];
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j) put(widen(from[i * from_stride + j]), square[j][i]);
  for (int64_t j = 0; j < width; ++j)
    for (int64_t i = 0; i < height; ++i) to[j * to_stride + i] = square[j][i];
}

/// from: rows x columns with a stride -> to: columns x rows with a stride.
template <class V, class From, class To>
void transpose(const From* from, int64_t from_stride, int64_t rows, int64_t columns, To* to, int64_t to_stride) {
  for (int64_t r = 0; r < rows; r += side)
    for (int64_t c = 0; c < columns; c += side) {
      const int64_t height = rows - r < side ? rows - r : side, width = columns - c < side ? columns - c : side;
      const From* corner = from + r * from_stride + c;
      To* turned = to + c * to_stride + r;
      if (V::width == side && height == side && width == side)
        turn(corner, from_stride, turned, to_stride);
      else
        turn_part(corner, from_stride, height, width, turned, to_stride);
    }
}

/// The sum of value(0) .. value(count - 1), in one order for all instruction sets.
template <class Value>
inline float sum_of(int64_t count, Value value) {
  constexpr int64_t run = 16;
  float sum[run] = {}, total = 0;
  int64_t d = 0;
  for (; d + run <= count; d += run)
    for (int64_t i = 0; i < run; ++i) sum[i] += value(d + i);
  for (int64_t i = 0; d + i < count; ++i) sum[i] += value(d + i);
  for (int64_t i = 0; i < run; ++i) total += sum[i];
  return total;
}

template <class Value>
inline float squares(int64_t count, Value value) {
  return sum_of(count, [value](int64_t d) { return value(d) * value(d); });
}

}  // namespace
}  // namespace fqgan::ops::kernels
