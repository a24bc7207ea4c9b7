// Stateless random streams: a generator is a pure function of (seed, stream name, position in the training). There is
// no random state to save, and a resumed run draws the same numbers as an uninterrupted one.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace fqgan {

/// The position of a draw in the training. All count from zero.
struct Counters {
  int64_t iteration = 0;    // complete rounds over all phases
  int64_t phase = 0;        // index into the family's phases, or one of the constants below
  int64_t repeat = 0;       // optimizer step of the phase within the iteration
  int64_t micro_batch = 0;  // within the optimizer step, with gradient accumulation
  int64_t attempt = 0;      // number of rollbacks by the watchdog
  int64_t images_seen = 0;  // real images taken from all streams; not part of the random key
};

/// Values of Counters::phase for draws outside of the phases.
inline constexpr int64_t initial_phase = -1, prepare_phase = -2, after_iteration_phase = -3;

/// Hashes a key to 64 bits; the same on every machine.
uint64_t mix_bits(uint64_t seed, std::string_view name, std::initializer_list<int64_t> where);

class Streams {
 public:
  Streams(uint64_t seed, Counters at) : seed_(seed), at_(at) {}
  /// Initial weights and dictionaries.
  static Streams initial(uint64_t seed) { return {seed, {.phase = initial_phase}}; }
  /// Image i of a generator: its latent, class and noise.
  static Streams image(uint64_t seed, int64_t i) { return {seed, {.iteration = i, .phase = initial_phase}}; }
  /// The batches from which a sampling generator's normalization statistics are collected.
  static Streams statistics(uint64_t seed) { return {seed, {.phase = prepare_phase}}; }
  /// For passes that draw nothing, and for networks whose values are loaded afterwards or never read: `normal`,
  /// `uniform` and `integers` return zeros, and expensive initialisations ask has_values() and do no work.
  static Streams unused() {
    Streams streams{0, {}};
    streams.has_values_ = false;
    return streams;
  }
  /// Returns what `source` gives instead of drawing, for comparisons with recorded values. `generator` and `key` draw.
  using Source = std::function<at::Tensor(at::IntArrayRef shape, std::string_view name)>;
  static Streams replaying(Source source) {
    Streams streams{0, {}};
    streams.source_ = std::move(source);
    return streams;
  }
  bool has_values() const { return has_values_; }

  /// A new CPU generator. The n-th call with the same name gives the n-th stream of that name, so that two dropout
  /// layers (or two forwards) of one micro-batch differ, and all draws are a function of the order of calls.
  at::Generator generator(std::string_view name);
  /// The key of such a generator, for counter-based operators.
  uint64_t key(std::string_view name);

  /// Drawn on the CPU in float32, so that the values do not depend on device and precision.
  at::Tensor normal(at::IntArrayRef shape, std::string_view name);                   // N(0, 1)
  at::Tensor uniform(at::IntArrayRef shape, std::string_view name);                  // [0, 1)
  at::Tensor integers(int64_t below, at::IntArrayRef shape, std::string_view name);  // {0, ..., below - 1}, int64

  uint64_t seed() const { return seed_; }
  const Counters& at() const { return at_; }

 private:
  uint64_t seed_;
  Counters at_;
  bool has_values_ = true;
  Source source_;  // empty: draws
  std::map<std::string, int64_t, std::less<>> calls_;
};

}  // namespace fqgan
