#include "fqgan/metrics/screen.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cstring>

#include "fqgan/core/error.h"

// Compiles a function for several instruction sets, of which the loader chooses one when the program starts. Not under
// sanitizers, which are not ready at that time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define FQGAN_FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FQGAN_FOR_EACH_PROCESSOR
#endif

namespace fqgan {
namespace {

typedef float Floats __attribute__((vector_size(64)));  // 16 numbers; the compiler splits them if necessary
typedef int32_t Bits __attribute__((vector_size(64)));
typedef double Doubles __attribute__((vector_size(32)));

template <class T>
[[gnu::always_inline]] inline void add_squares(const T* x, const T* y, Doubles& sum) {
  typedef T Part __attribute__((vector_size(4 * sizeof(T))));
  Part a, b;
  std::memcpy(&a, x, sizeof a);
  std::memcpy(&b, y, sizeof b);
  const Doubles difference = __builtin_convertvector(a, Doubles) - __builtin_convertvector(b, Doubles);
  sum += difference * difference;
}

template <class T>
[[gnu::always_inline]] inline double squared_distance_of(const T* x, const T* y, int64_t dimension) {
  Doubles first{}, second{}, third{}, fourth{};
  int64_t d = 0;
  for (; d + 16 <= dimension; d += 16) {
    add_squares(x + d, y + d, first);
    add_squares(x + d + 4, y + d + 4, second);
    add_squares(x + d + 8, y + d + 8, third);
    add_squares(x + d + 12, y + d + 12, fourth);
  }
  double sum = 0;
  for (; d < dimension; ++d) {
    const double difference = static_cast<double>(x[d]) - static_cast<double>(y[d]);
    sum += difference * difference;
  }
  const Doubles total = (first + second) + (third + fourth);
  return sum + ((total[0] + total[1]) + (total[2] + total[3]));
}

FQGAN_FOR_EACH_PROCESSOR
double squared_distance_float(const float* x, const float* y, int64_t dimension) {
  return squared_distance_of(x, y, dimension);
}

FQGAN_FOR_EACH_PROCESSOR
double squared_distance_double(const double* x, const double* y, int64_t dimension) {
  return squared_distance_of(x, y, dimension);
}

FQGAN_FOR_EACH_PROCESSOR
bool any_chunk_within(const float* products, const float* below, const float* limits, float own_below, float own_limit,
                      float product_error) {
  const Floats start = Floats{} + own_below, limit = Floats{} + own_limit, error = Floats{} + product_error;
  Bits signs = Bits{} - 1;  // a sign bit stays set if every lower bound is above its limit
  for (int64_t j = 0; j < screen_chunk; j += 16) {
    Floats product, other, own;
    std::memcpy(&product, products + j, sizeof product);
    std::memcpy(&other, below + j, sizeof other);
    std::memcpy(&own, limits + j, sizeof own);
    const Floats size = product < 0.f ? -product : product;
    const Floats lower = start + other - (product + product + error * size);
    const Floats room = (own > limit ? own : limit) - lower;
    Bits bits;
    std::memcpy(&bits, &room, sizeof bits);
    signs &= bits;
  }
  uint64_t pairs[8];
  std::memcpy(pairs, &signs, sizeof pairs);
  for (int i = 1; i < 8; ++i) pairs[0] &= pairs[i];
  constexpr uint64_t both = 0x8000000080000000;
  return (pairs[0] & both) != both;
}

constexpr int64_t rows_at_once = 256;

/// The transform of the low-precision copies: (x - centre) * scale, with the longest vector between 1/2 and 1.
struct Frame {
  at::Tensor centre;         // D float64
  double scale = 1;          // a power of two
  double centre_length = 0;  // |centre|
  at::Tensor centred(const at::Tensor& rows) const { return (rows.to(at::kDouble) - centre) * scale; }
};

Frame make_frame(const std::vector<at::Tensor>& sets) {
  Frame frame{at::zeros({sets[0].size(1)}, at::TensorOptions(at::kDouble))};
  for (int64_t begin = 0; begin < sets[0].size(0); begin += rows_at_once)
    frame.centre += sets[0].slice(0, begin, begin + rows_at_once).to(at::kDouble).sum(0);
  frame.centre /= sets[0].size(0);
  frame.centre_length = frame.centre.norm().item<double>();
  double longest = 0;
  for (const auto& x : sets)
    for (int64_t begin = 0; begin < x.size(0); begin += rows_at_once) {
      const auto lengths = frame.centred(x.slice(0, begin, begin + rows_at_once)).norm(2, 1);
      longest = std::max(longest, lengths.max().item<double>());
    }
  if (!(longest < 1e150)) fail("neighbours", "expected features below 1e150, got larger ones. Hint: scale them");
  if (longest > 1e-150) frame.scale = std::exp2(-std::ceil(std::log2(longest)));
  return frame;
}

/// The rounded copies, their squared lengths, and the largest rounding error relative to a row's length.
struct LowCopy {
  at::Tensor low, squares;  // N x D, N float64
  double rounding = 0;      // the largest relative error of all rows
};

LowCopy low_copy(const at::Tensor& x, const Frame& frame, at::ScalarType type) {
  LowCopy copy{at::empty(x.sizes(), x.options().dtype(type)), at::empty({x.size(0)}, x.options().dtype(at::kDouble))};
  for (int64_t begin = 0; begin < x.size(0); begin += rows_at_once) {
    const auto end = std::min(x.size(0), begin + rows_at_once);
    const auto centred = frame.centred(x.slice(0, begin, end));
    copy.low.slice(0, begin, end).copy_(centred);
    const auto length = centred.norm(2, 1);
    const auto lost = (centred - copy.low.slice(0, begin, end)).norm(2, 1) / length.clamp_min(1e-300);
    copy.rounding = std::max(copy.rounding, lost.max().item<double>());
    copy.squares.slice(0, begin, end).copy_(length.square());
  }
  return copy;
}

}  // namespace

at::ScalarType screen_type() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bf16")) return at::kBFloat16;
#endif
  return at::kFloat;
}

// The bound. With x', y' the low copies of centred x, y, and e the largest |x - x'| / |x|:
//   | |x - y|^2 - (|x|^2 + |y|^2 - 2 p) | <= c (|x|^2 + |y|^2) + w |p| + slack,   p the computed product
// where c has three terms: the rounding of the copies, |x.y - x'.y'| <= e |x| |y'| + ..., gives 2 e (1 + e)^2; D
// float32 additions in any order give D 2^-23 (1 + e)^2 (twice the proven bound); this formula in float32 gives 2^-20.
// w is a little more than 2^-7, for p rounded to bfloat16. The slack covers centring in float64 and underflow in
// float32.
Screen make_screen(const std::vector<at::Tensor>& sets, at::ScalarType type) {
  const auto frame = make_frame(sets);
  Screen screen;
  screen.unit = frame.scale * frame.scale;
  screen.product_error = type == at::kBFloat16 ? 1.02f / 128 : 0.f;
  std::vector<LowCopy> copies;
  double rounding = 0;
  for (const auto& x : sets) {
    copies.push_back(low_copy(x, frame, type));
    rounding = std::max(rounding, copies.back().rounding);
  }
  const double additions = std::ldexp(static_cast<double>(sets[0].size(1)), -23);
  const double fraction = (2 * rounding + additions) * (1 + rounding) * (1 + rounding) + std::ldexp(1., -20);
  const double slack = std::ldexp(frame.centre_length * frame.scale + 1, -50);
  for (size_t s = 0; s < sets.size(); ++s) {
    ScreenedPoints points{sets[s], copies[s].low, {}, {}};
    const auto* squares = copies[s].squares.const_data_ptr<double>();
    for (int64_t i = 0; i < points.count(); ++i) {
      points.below.push_back(static_cast<float>((1 - fraction) * squares[i] - slack));
      points.above.push_back(static_cast<float>((1 + fraction) * squares[i] + slack));
    }
    screen.sets.push_back(std::move(points));
  }
  return screen;
}

at::Tensor Screen::products(int64_t a, int64_t a_begin, int64_t a_end, int64_t b, int64_t b_begin,
                            int64_t b_end) const {
  const auto left = sets[a].low.slice(0, a_begin, a_end), right = sets[b].low.slice(0, b_begin, b_end);
  return left.mm(right.t()).to(at::kFloat).contiguous();
}

double squared_distance(const ScreenedPoints& a, int64_t i, const ScreenedPoints& b, int64_t j) {
  const int64_t dimension = a.exact.size(1);
  if (a.exact.scalar_type() == at::kDouble)
    return squared_distance_double(a.exact.const_data_ptr<double>() + i * dimension,
                                   b.exact.const_data_ptr<double>() + j * dimension, dimension);
  return squared_distance_float(a.exact.const_data_ptr<float>() + i * dimension,
                                b.exact.const_data_ptr<float>() + j * dimension, dimension);
}

bool any_within(const ScreenedRow& row, float product_error) {
  return any_chunk_within(row.products, row.below, row.limits, row.own_below, row.own_limit, product_error);
}

}  // namespace fqgan
