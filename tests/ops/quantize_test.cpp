// The registered operators: plain values, shapes without data, and the closed door to double backward.
#include "fqgan/ops/quantize.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

at::Tensor normal(std::vector<int64_t> shape, const char* name) { return Streams(1, {}).normal(shape, name); }

TEST(NearestCode, EqualsBruteForceInFloat64) {
  const auto rows = normal({700, 9}, "rows"), codebook = normal({37, 9}, "codebook");
  const auto wide = rows.to(at::kDouble), entries = codebook.to(at::kDouble);
  const auto expected = (wide.unsqueeze(1) - entries.unsqueeze(0)).pow(2).sum(2).argmin(1);
  EXPECT_TRUE(at::equal(ops::nearest_code(rows, codebook), expected));
  EXPECT_TRUE(at::equal(ops::nearest_code(wide, entries), expected));
}

TEST(NearestCode, TakesTheLowestIndexOnATie) {
  const auto codebook = normal({1, 4}, "codebook").repeat({6, 1});
  EXPECT_TRUE(at::equal(ops::nearest_code(normal({300, 4}, "rows"), codebook), at::zeros({300}, at::kLong)));
}

TEST(CodeStatistics, CountAndSum) {
  const auto rows = normal({501, 7}, "rows").to(at::kDouble);
  const auto codes = Streams(1, {}).integers(11, {501}, "codes");
  const auto [counts, sums] = ops::code_statistics(rows, codes, 12);
  const auto one_hot = at::one_hot(codes, 12).to(at::kDouble);
  EXPECT_TRUE(at::equal(counts, one_hot.sum(0)));
  EXPECT_LT((sums - one_hot.t().mm(rows)).abs().max().item<double>(), 1e-12);
}

TEST(CodeStatistics, SumBfloat16InFloat32) {
  const auto rows = normal({501, 7}, "rows").to(at::kBFloat16);
  const auto codes = Streams(1, {}).integers(3, {501}, "codes");
  const auto [counts, sums] = ops::code_statistics(rows, codes, 3);
  const auto [same_counts, exact] = ops::code_statistics(rows.to(at::kDouble), codes, 3);
  EXPECT_EQ(sums.scalar_type(), at::kFloat);
  EXPECT_LT((sums.to(at::kDouble) - exact).abs().max().item<double>(), 1e-4);
}

TEST(CommitmentLoss, DoubleBackwardIsAnErrorNotAConstant) {
  auto h = normal({2, 3, 2, 2}, "h").requires_grad_(true);
  const auto codebook = normal({4, 3}, "codebook");
  const auto codes = Streams(1, {}).integers(4, {8}, "codes");
  const auto gradient = torch::autograd::grad({ops::commitment_loss(h, codebook, codes).sum()}, {h}, {}, true, true)[0];
  EXPECT_ANY_THROW(gradient.pow(2).sum().backward());
  const auto open =
      torch::autograd::grad({ops::commitment_loss_twin(h, codebook, codes).sum()}, {h}, {}, true, true)[0];
  EXPECT_NO_THROW(open.pow(2).sum().backward());
}

TEST(Operators, KnowTheirShapesWithoutData) {
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto h = at::empty({2, 3, 4, 5}, meta), codebook = at::empty({6, 3}, meta);
  const auto codes = ops::nearest_code(ops::map_rows(h), codebook);
  EXPECT_EQ(codes.sizes(), at::IntArrayRef({40}));
  EXPECT_EQ(ops::commitment_loss(h, codebook, codes).sizes(), at::IntArrayRef({2}));
  EXPECT_EQ(std::get<1>(ops::code_statistics(ops::map_rows(h), codes, 6)).sizes(), (at::IntArrayRef{6, 3}));
}

TEST(Operators, RefuseShapesThatDoNotFit) {
  EXPECT_CONTAINS(message_of<UserError>([] { ops::nearest_code(at::zeros({4, 5}), at::zeros({3, 6})); }), "[any, 6]");
  EXPECT_CONTAINS(message_of<UserError>([] {
                    ops::commitment_loss(at::zeros({1, 6, 2, 2}), at::zeros({3, 6}), at::zeros({3}, at::kLong));
                  }),
                  "expected shape [4], got [3]");
}

}  // namespace
}  // namespace fqgan::test
