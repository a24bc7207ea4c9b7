// A loop over toy data, and comparisons of its checkpoints.
#pragma once

#include <gtest/gtest.h>

#include "fqgan/models/weights.h"
#include "fqgan/training/loop.h"
#include "support/toy_data.h"

namespace fqgan::test {

using Make = std::function<std::unique_ptr<Family>()>;

/// A loop over toy data for one family.
struct Bench {
  explicit Bench(const Make& make, int64_t iterations = 2, int64_t size = 8, const Ranks* ranks = nullptr)
      : data(12, 1, size, 3), other(10, 1, size, 3), family(make()) {
    LoopOptions options;
    options.training.iterations = iterations;
    options.training.log_every = 1;
    options.training.sample_every = 0;
    options.seed = 21;
    options.ranks = ranks;
    loop = std::make_unique<Loop>(
        *family,
        std::map<std::string, const Dataset*>{{"train", &data}, {"labelled", &data}, {"a", &data}, {"b", &other}},
        options);
  }
  ToyData data, other;
  std::unique_ptr<Family> family;
  std::unique_ptr<Loop> loop;
};

inline void expect_same(const Checkpoint& a, const Checkpoint& b) {
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(torch::equal(tensor, b.tensors.at(name))) << name;
  for (const auto& [key, value] : a.metadata) EXPECT_EQ(value, b.metadata.at(key)) << key;
}

inline Checkpoint copy_of(const Checkpoint& checkpoint) {
  Checkpoint copy{{}, checkpoint.metadata};
  for (const auto& [name, tensor] : checkpoint.tensors) copy.tensors.emplace(name, tensor.clone());
  return copy;
}

/// Two iterations change every parameter of every network, and all stay finite.
inline void expect_every_network_learns(const Make& make, int64_t size = 8) {
  Bench bench(make, 2, size);
  std::map<std::string, torch::Tensor> before;
  for (const auto& [name, tensor] : family_tensors(*bench.family)) before.emplace(name, tensor.clone());
  EXPECT_EQ(bench.loop->run(), 0);
  EXPECT_EQ(bench.loop->at().iteration, 2);
  for (const auto& [name, network] : bench.family->networks)
    for (const auto& [key, parameter] : network->named_parameters().pairs()) {
      EXPECT_TRUE(torch::isfinite(parameter).all().item<bool>()) << name << "." << key;
      EXPECT_FALSE(torch::equal(parameter, before.at("network." + name + "." + key))) << name << "." << key;
    }
}

/// Five iterations, and three with a fresh loop for the others, leave the same bits.
inline void expect_resume_to_the_bit(const Make& make, int64_t size = 8) {
  Bench whole(make, 5, size);
  whole.loop->run();
  Bench first(make, 5, size);
  for (int i = 0; i < 3; ++i) first.loop->iterate();
  const auto saved = copy_of(first.loop->checkpoint());
  Bench second(make, 5, size);
  second.loop->restore(saved);
  expect_same(second.loop->checkpoint(), saved);
  second.loop->iterate();
  second.loop->iterate();
  auto resumed = second.loop->checkpoint();
  auto expected = whole.loop->checkpoint();
  // The run() above took its entries at each report; iterate() keeps them.
  for (auto* checkpoint : {&resumed, &expected})
    std::erase_if(checkpoint->tensors, [](const auto& entry) { return entry.first.starts_with("state.loop."); });
  expect_same(resumed, expected);
}

}  // namespace fqgan::test
