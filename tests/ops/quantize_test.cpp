// The registered operators, on every instruction set that this processor has: exact codes, statistics, losses and
// gradients against plain float64, and the closed door to double backward.
#include "fqgan/ops/quantize.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "fqgan/core/streams.h"
#include "fqgan/ops/quantize_reference.h"
#include "ops/emulated_tiles.h"
#include "ops/kernel_sets.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

at::Tensor normal(std::vector<int64_t> shape, const char* name) { return Streams(1, {}).normal(shape, name); }
at::Tensor integers(int64_t below, std::vector<int64_t> shape) {
  return Streams(1, {}).integers(below, shape, "codes");
}

/// Runs `body` on each instruction set, and on the matrix tiles' algorithm with tiles in memory.
template <class Body>
void on_all_kernels(Body body) {
  std::vector<const ops::kernels::InstructionSet*> all{&emulated_tiles()};
  for (int n = 0; const auto* kernels = ops::kernels::available(n); ++n) all.push_back(kernels);
  for (const auto* kernels : all) {
    SCOPED_TRACE(kernels->name);
    ops::kernels::use(kernels);
    body();
  }
  ops::kernels::use(nullptr);
}

/// Codes by distances in float64, the scale |x||e| of each row and its nearest code, and by how much its nearest and
/// second nearest differ, over that.
struct BruteForce {
  at::Tensor codes, distances, scale, gap;
  BruteForce(const at::Tensor& features, const at::Tensor& codebook) {
    const auto rows = ops::reference::rows_of(features).to(at::kDouble), entries = codebook.to(at::kDouble);
    distances = rows.pow(2).sum(1, true) - 2 * rows.mm(entries.t()) + entries.pow(2).sum(1);
    const auto [lowest, index] = distances.topk(std::min<int64_t>(2, entries.size(0)), 1, /*largest=*/false);
    codes = index.select(1, 0);
    scale = rows.norm(2, 1) * entries.norm(2, 1).index_select(0, codes);
    gap = (lowest.select(1, -1) - lowest.select(1, 0)) / scale.clamp_min(1e-30);
  }
};

/// The rule: beyond a gap of 1e-5 |x||e| the same code; elsewhere a distance within that of the best.
void expect_exact(const at::Tensor& features, const at::Tensor& codebook) {
  const BruteForce truth(features, codebook);
  const auto codes = ops::nearest_code(features, codebook).flatten();
  const auto wrong = codes != truth.codes;
  EXPECT_FALSE((wrong & (truth.gap > 1e-5)).any().item<bool>());
  const auto chosen = truth.distances.gather(1, codes.unsqueeze(1)).squeeze(1);
  const auto excess = chosen - truth.distances.amin(1);
  EXPECT_FALSE((excess > 1e-5 * truth.scale + 1e-12).any().item<bool>());
}

void expect_exact_in_all_forms(const at::Tensor& map, const at::Tensor& codebook) {
  on_all_kernels([&] {
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(type);
      const auto x = map.to(type);
      expect_exact(x, codebook);
      expect_exact(x.contiguous(at::MemoryFormat::ChannelsLast), codebook);
    }
  });
}

TEST(NearestCode, EqualsBruteForceInFloat64) {
  const auto rows = normal({700, 9}, "rows"), codebook = normal({37, 9}, "codebook");
  on_all_kernels([&] { EXPECT_TRUE(at::equal(ops::nearest_code(rows, codebook), BruteForce(rows, codebook).codes)); });
  EXPECT_TRUE(
      at::equal(ops::nearest_code(rows.to(at::kDouble), codebook.to(at::kDouble)), BruteForce(rows, codebook).codes));
}

TEST(NearestCode, IsExactForSizesThatFillNoBlock) {
  for (const auto& [channels, codes] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {31, 65}, {64, 200}, {70, 3}})
    expect_exact_in_all_forms(normal({3, channels, 7, 9}, "map"), normal({codes, channels}, "codebook"));
}

TEST(NearestCode, IsExactAmongNearDuplicates) {
  const auto centres = normal({12, 48}, "centres");
  const auto codebook = centres.repeat({16, 1}) + 1e-3 * normal({192, 48}, "offsets");
  expect_exact_in_all_forms(normal({2, 48, 12, 12}, "map"), codebook);
}

TEST(NearestCode, IsExactAmongCodesThatFloat32CannotTellApart) {
  const auto codebook = normal({4, 48}, "centres").repeat({48, 1}) + 3e-7 * normal({192, 48}, "offsets");
  const auto rows = normal({300, 48}, "rows");
  const BruteForce truth(rows, codebook);
  on_all_kernels([&] {
    const auto chosen = truth.distances.gather(1, ops::nearest_code(rows, codebook).unsqueeze(1)).squeeze(1);
    EXPECT_LT(((chosen - truth.distances.amin(1)) / truth.scale).max().item<double>(), 1e-12);
  });
}

TEST(NearestCode, IsExactBesideUnusedCodesThatHaveGrown) {
  auto codebook = normal({150, 40}, "codebook");
  codebook.narrow(0, 20, 60).mul_(1e4);
  codebook[7].fill_(1e18);
  codebook.narrow(0, 100, 30).mul_(1e-39);  // denormal, as dictionaries decay
  expect_exact_in_all_forms(normal({2, 40, 11, 10}, "map"), codebook);
}

TEST(NearestCode, IsExactFarFromTheOrigin) {
  expect_exact_in_all_forms(normal({2, 40, 11, 10}, "map") + 30, normal({150, 40}, "codebook") + 30);
}

TEST(NearestCode, TakesTheLowestIndexOnATie) {
  const auto codebook = normal({1, 4}, "codebook").repeat({100, 1});
  on_all_kernels([&] {
    EXPECT_TRUE(at::equal(ops::nearest_code(normal({300, 4}, "rows"), codebook), at::zeros({300}, at::kLong)));
  });
}

TEST(NearestCode, IsExactForRowsThatAreAllEqual) {
  for (const int64_t channels : {4, 50}) {
    const auto rows = normal({1, channels}, "rows").repeat({300, 1}), codebook = normal({90, channels}, "codebook");
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      const BruteForce truth(rows.to(type), codebook);
      ASSERT_GT(truth.gap.min().item<double>(), 1e-5);
      on_all_kernels([&] { EXPECT_TRUE(at::equal(ops::nearest_code(rows.to(type), codebook), truth.codes)); });
    }
  }
}

TEST(NearestCode, IsExactForALargeDictionary) {
  expect_exact_in_all_forms(normal({1, 256, 20, 30}, "map"), normal({1000, 256}, "codebook"));
}

TEST(NearestCode, GivesSomeCodeForRowsThatAreNotFinite) {
  auto rows = normal({100, 33}, "rows");
  rows[3][5] = std::nan("");
  rows[4][0] = std::numeric_limits<float>::infinity();
  on_all_kernels([&] {
    const auto codes = ops::nearest_code(rows, normal({20, 33}, "codebook"));
    EXPECT_TRUE(((codes >= 0) & (codes < 20)).all().item<bool>());
  });
}

// All instruction sets, layouts and numbers of threads.
TEST(Operators, GiveTheSameBitsEverywhere) {
  const auto map = normal({5, 70, 6, 11}, "map"), codebook = normal({130, 70}, "codebook");
  const auto scale = normal({5}, "scale");
  const auto before = at::get_num_threads();
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    std::vector<std::vector<at::Tensor>> results;
    on_all_kernels([&] {
      for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast})
        for (const int threads : {1, 2}) {
          at::set_num_threads(threads);
          const auto x = map.to(type).contiguous(format);
          const auto codes = ops::nearest_code(x, codebook);
          const auto [counts, sums] = ops::code_statistics(x, codes, 130);
          auto leaf = x.detach().requires_grad_(true);
          const auto loss = ops::commitment_loss(leaf, codebook, codes);
          const auto gradient = torch::autograd::grad({(loss * scale).sum()}, {leaf})[0];
          EXPECT_TRUE(gradient.is_contiguous(format));
          results.push_back({codes, counts, sums, loss.detach(), gradient, ops::straight_through(x, codebook, codes, 1),
                             ops::straight_through(x, codebook, codes, .3)});
        }
    });
    for (const auto& result : results)
      for (size_t i = 0; i < result.size(); ++i) EXPECT_TRUE(at::equal(result[i], results[0][i])) << "result " << i;
  }
  at::set_num_threads(before);
}

// More rows, channels and codes than one thread takes at a time.
TEST(Operators, GiveTheSameBitsForAnyThreads) {
  const auto map = normal({3, 256, 10, 20}, "map"), codebook = normal({1000, 256}, "codebook");
  const std::vector<at::Tensor> inputs{map, map.contiguous(at::MemoryFormat::ChannelsLast), map.to(at::kBFloat16)};
  on_all_kernels([&] {
    for (const auto& x : inputs)
      expect_same_bits_for_any_threads([&]() -> std::vector<at::Tensor> {
        const auto codes = ops::nearest_code(x, codebook);
        const auto [counts, sums] = ops::code_statistics(x, codes, 1000);
        return {codes, counts, sums, ops::commitment_loss(x, codebook, codes)};
      });
  });
}

TEST(Operators, AgreeWithTheReferenceInFloat64) {
  const auto map = normal({3, 37, 5, 7}, "map"), codebook = normal({50, 37}, "codebook"), scale = normal({3}, "scale");
  const auto wide = map.to(at::kDouble), entries = codebook.to(at::kDouble);
  on_all_kernels([&] {
    const auto codes = ops::nearest_code(map, codebook);
    const auto [counts, sums] = ops::code_statistics(map, codes, 50);
    const auto one_hot = at::one_hot(codes.flatten(), 50).to(at::kDouble);
    EXPECT_TRUE(at::equal(counts.to(at::kDouble), one_hot.sum(0)));
    EXPECT_LT((sums - one_hot.t().mm(ops::reference::rows_of(wide))).abs().max().item<double>(), 1e-5);
    auto leaf = map.detach().requires_grad_(true), wide_leaf = wide.detach().requires_grad_(true);
    const auto loss = ops::commitment_loss(leaf, codebook, codes);
    const auto expected = ops::reference::commitment_loss(wide_leaf, entries, codes);
    EXPECT_LT((loss - expected).abs().max().item<double>(), 1e-6);
    const auto gradient = torch::autograd::grad({(loss * scale).sum()}, {leaf})[0];
    const auto expected_gradient = torch::autograd::grad({(expected * scale.to(at::kDouble)).sum()}, {wide_leaf})[0];
    EXPECT_LT((gradient - expected_gradient).abs().max().item<double>(), 1e-8);
    for (const double fraction : {1., .25})
      EXPECT_LT((ops::straight_through(map, codebook, codes, fraction) -
                 ops::reference::straight_through(wide, entries, codes, fraction))
                    .abs()
                    .max()
                    .item<double>(),
                1e-6);
  });
}

TEST(CodeStatistics, SumBfloat16InFloat32) {
  const auto rows = normal({501, 7}, "rows").to(at::kBFloat16);
  const auto [counts, sums] = ops::code_statistics(rows, integers(3, {501}), 3);
  const auto [same_counts, exact] = ops::code_statistics(rows.to(at::kDouble), integers(3, {501}), 3);
  EXPECT_EQ(sums.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(counts.to(at::kDouble), same_counts));
  EXPECT_LT((sums.to(at::kDouble) - exact).abs().max().item<double>(), 1e-4);
}

TEST(CommitmentLoss, DoubleBackwardIsAnErrorNotAConstant) {
  auto h = normal({2, 3, 2, 2}, "h").requires_grad_(true);
  const auto codebook = normal({4, 3}, "codebook"), codes = integers(4, {2, 2, 2});
  const auto gradient = torch::autograd::grad({ops::commitment_loss(h, codebook, codes).sum()}, {h}, {}, true, true)[0];
  EXPECT_ANY_THROW(gradient.pow(2).sum().backward());
  const auto open =
      torch::autograd::grad({ops::reference::commitment_loss(h, codebook, codes).sum()}, {h}, {}, true, true)[0];
  EXPECT_NO_THROW(open.pow(2).sum().backward());
}

TEST(StraightThrough, PassesGradientsOfAnyOrder) {
  auto h = normal({2, 3, 2, 2}, "h").requires_grad_(true);
  const auto codebook = normal({4, 3}, "codebook"), codes = integers(4, {2, 2, 2});
  const auto cubes = ops::straight_through(h, codebook, codes).pow(3).sum();
  const auto gradient = torch::autograd::grad({cubes}, {h}, {}, true, true)[0];
  const auto entries = ops::straight_through(h.detach(), codebook, codes);
  EXPECT_LT((gradient - 3 * entries.pow(2)).abs().max().item<double>(), 1e-5);
  const auto second = torch::autograd::grad({gradient.sum()}, {h})[0];
  EXPECT_LT((second - 6 * entries).abs().max().item<double>(), 1e-5);
}

TEST(Kmeans, FindsSeparatedCentresAndKeepsEmptyOnes) {
  const auto centres = 100 * normal({4, 6}, "centres");
  const auto rows = centres.repeat({50, 1}) + normal({200, 6}, "noise");
  const auto start = at::cat({rows.narrow(0, 0, 4), at::full({1, 6}, 1e6)});
  const auto [found, counts] = ops::kmeans(rows, start, 5);
  for (int64_t k = 0; k < 4; ++k) {
    const auto own = rows.slice(0, k, 200, 4).mean(0);
    EXPECT_LT((found[k] - own).abs().max().item<double>(), 1e-4);
    EXPECT_EQ(counts[k].item<double>(), 50);
  }
  EXPECT_EQ(found[4][0].item<double>(), 1e6);
}

}  // namespace
}  // namespace fqgan::test
