#include "fqgan/core/streams.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

namespace fqgan {
namespace {

// SplitMix64's finaliser (Steele, Lea, Flood 2014): every output bit depends on every input bit.
uint64_t finalise(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// Fills the Mersenne twister's state from all 64 bits. LibTorch's own seeding keeps only 32 bits of a seed, so that
/// some streams of a long run would be equal.
at::mt19937_data_pod twister_state(uint64_t key) {
  at::mt19937_data_pod state{};
  state.seed_ = key;
  state.left_ = 1;  // as after seeding: the first draw computes the next block
  state.next_ = 0;
  state.seeded_ = true;
  for (auto& word : state.state_) word = static_cast<uint32_t>(finalise(key += 0x9e3779b97f4a7c15ull));
  return state;
}

}  // namespace

uint64_t mix_bits(uint64_t seed, std::string_view name, std::initializer_list<int64_t> where) {
  uint64_t key = finalise(seed);
  for (unsigned char c : name) key = finalise(key ^ c);
  key = finalise(key ^ name.size());
  for (int64_t part : where) key = finalise(key ^ static_cast<uint64_t>(part));
  return key;
}

uint64_t Streams::key(std::string_view name) {
  auto call = calls_.find(name);
  if (call == calls_.end()) call = calls_.emplace(std::string(name), 0).first;
  return mix_bits(seed_, name, {at_.iteration, at_.phase, at_.repeat, at_.micro_batch, at_.attempt, call->second++});
}

at::Generator Streams::generator(std::string_view name) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(0);
  at::mt19937 engine;
  engine.set_data(twister_state(key(name)));
  generator.get<at::CPUGeneratorImpl>()->set_engine(engine);
  return generator;
}

at::Tensor Streams::normal(at::IntArrayRef shape, std::string_view name) {
  if (!has_values_) return at::zeros(shape, at::kFloat);
  if (source_) return source_(shape, name);
  return at::empty(shape, at::kFloat).normal_(0., 1., generator(name));
}

at::Tensor Streams::uniform(at::IntArrayRef shape, std::string_view name) {
  if (!has_values_) return at::zeros(shape, at::kFloat);
  if (source_) return source_(shape, name);
  return at::empty(shape, at::kFloat).uniform_(0., 1., generator(name));
}

at::Tensor Streams::integers(int64_t below, at::IntArrayRef shape, std::string_view name) {
  if (!has_values_) return at::zeros(shape, at::kLong);
  if (source_) return source_(shape, name);
  return at::empty(shape, at::kLong).random_(0, below, generator(name));
}

}  // namespace fqgan
