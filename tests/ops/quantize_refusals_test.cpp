// What the quantization operators refuse, with data and without: in the same words.
#include <ATen/ATen.h>

#include "fqgan/core/error.h"
#include "fqgan/ops/quantize.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(Operators, KnowTheirShapesWithoutData) {
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto h = at::empty({2, 3, 4, 5}, meta), codebook = at::empty({6, 3}, meta);
  const auto codes = ops::nearest_code(h, codebook);
  EXPECT_EQ(codes.sizes(), at::IntArrayRef({2, 4, 5}));
  EXPECT_EQ(ops::nearest_code(at::empty({7, 3}, meta), codebook).sizes(), at::IntArrayRef({7}));
  EXPECT_EQ(ops::commitment_loss(h, codebook, codes).sizes(), at::IntArrayRef({2}));
  EXPECT_EQ(ops::straight_through(h, codebook, codes).sizes(), h.sizes());
  EXPECT_EQ(std::get<1>(ops::code_statistics(h, codes, 6)).sizes(), (at::IntArrayRef{6, 3}));
}

void expect_refusal(const at::Tensor& features, const at::Tensor& codebook, const std::string& words) {
  EXPECT_CONTAINS(message_of<UserError>([&] { ops::nearest_code(features, codebook); }), words);
}

TEST(Operators, RefuseWhatTheyCannotTake) {
  expect_refusal(at::zeros({4, 5}), at::zeros({3, 6}),
                 "expected features with D = 6 channels as in the codebook, got 5");
  expect_refusal(at::zeros({4, 5}), at::zeros({0, 5}), "at least one code, got shape [0, 5]");
  expect_refusal(at::zeros({0, 5, 2, 2}), at::zeros({3, 5}), "expected at least one row, got shape [0, 5, 2, 2]");
  expect_refusal(at::zeros({4, 5}, at::kLong), at::zeros({3, 5}), "float16, bfloat16, float32 or float64, got");
  expect_refusal(at::zeros({4, 5, 6}), at::zeros({3, 5}), "expected N x D x H x W or M x D, got shape [4, 5, 6]");
  EXPECT_CONTAINS(message_of<UserError>([] {
                    ops::commitment_loss(at::zeros({1, 6, 2, 2}), at::zeros({3, 6}), at::zeros({3}, at::kLong));
                  }),
                  "expected shape [1, 2, 2], got [3]");
  EXPECT_CONTAINS(message_of<UserError>([] {
                    ops::code_statistics(at::zeros({2, 6}), at::full({2}, 5, at::kLong), 5);
                  }),
                  "expected codes in 0 to 4, got 5 to 5");
}

void expect_error(const std::function<void()>& action, const std::string& words) {
  EXPECT_CONTAINS(message_of<UserError>(action), words);
}

TEST(Operators, RefuseTwoPrecisions) {
  const auto codes = at::zeros({4}, at::kLong);
  const auto single = at::zeros({4, 5}), half = single.to(at::kBFloat16), wide = single.to(at::kDouble);
  const std::string words = "expected features and codebook both of type float64, or neither, got ";
  expect_refusal(single, wide, "[nearest_code] " + words + "float32 and float64");
  expect_refusal(wide, single, "[nearest_code] " + words + "float64 and float32");
  expect_refusal(half, wide, "[nearest_code] " + words + "bfloat16 and float64");
  expect_error([&] { ops::commitment_loss(wide, single, codes); }, "[commitment_loss] " + words);
  expect_error([&] { ops::straight_through(single, wide, codes); }, "[straight_through] " + words);
  expect_error([&] { ops::kmeans(single, wide, 3); }, "[kmeans] " + words);
  EXPECT_EQ(ops::nearest_code(half, single).size(0), 4);
}

TEST(Operators, RefuseNumbersOutOfRange) {
  const auto rows = at::zeros({4, 5}), codebook = at::zeros({3, 5}), codes = at::zeros({4}, at::kLong);
  for (const int64_t count : {0, -1})
    expect_error([&] { ops::code_statistics(rows, codes, count); },
                 "[code_statistics] expected a count of at least 1 code, got " + std::to_string(count));
  for (const double fraction : {-0.5, 1.5, std::nan("")})
    expect_error([&] { ops::straight_through(rows, codebook, codes, fraction); },
                 "[straight_through] expected a fraction from 0 to 1, got");
  for (const int64_t iterations : {0, -3})
    expect_error([&] { ops::kmeans(rows, codebook, iterations); },
                 "[kmeans] expected at least 1 iteration, got " + std::to_string(iterations));
}

TEST(MomentumUpdate, RefusesWhatDoesNotFit) {
  const auto sum = at::ones({5, 3}), size = at::ones({5});
  const auto update = [&](const at::Tensor& counts, const at::Tensor& sums, double decay, double epsilon) {
    return [=] { ops::momentum_update(sum, size, counts, sums, decay, epsilon); };
  };
  EXPECT_NO_THROW(update(size, sum, 0.8, 1e-5)());
  EXPECT_NO_THROW(update(size, sum, 1, 0)());
  expect_error(update(size, sum, 7, 1e-5), "[momentum_update] expected a decay from 0 to 1, got 7");
  expect_error(update(size, sum, std::nan(""), 1e-5), "[momentum_update] expected a decay from 0 to 1, got nan");
  expect_error(update(size, sum, 0.8, -1), "[momentum_update] expected an epsilon of 0 or more, got -1");
  expect_error(update(at::ones({1}), sum, 0.8, 1e-5), "[momentum_update counts] expected shape [5], got [1]");
  expect_error(update(size, at::ones({5, 4}), 0.8, 1e-5), "[momentum_update sums] expected shape [5, 3], got [5, 4]");
  expect_error(
      [&] {
        ops::momentum_update(at::ones({4, 3}), size, size, sum, 0.8, 1e-5);
      },
      "[momentum_update cluster_size] expected shape [4], got [5]");
  expect_error([&] { ops::momentum_update(size, size, size, sum, 0.8, 1e-5); },
               "[momentum_update] expected a codebook_sum K x D with at least one code, got shape [5]");
}

TEST(Operators, RefuseTheSameWithoutData) {
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto map = at::empty({2, 3, 4, 5}, meta), codebook = at::empty({6, 3}, meta), wide = at::empty({6, 7}, meta);
  const auto codes = at::empty({2, 4, 5}, meta.dtype(at::kLong)), few = at::empty({2, 4}, meta.dtype(at::kLong));
  expect_refusal(map, wide, "[nearest_code] expected features with D = 7 channels as in the codebook, got 3");
  expect_refusal(map, codebook.to(at::kDouble), "both of type float64, or neither");
  expect_refusal(map.select(0, 0), codebook, "expected N x D x H x W or M x D, got shape [3, 4, 5]");
  expect_error([&] { ops::commitment_loss(map, wide, codes); }, "[commitment_loss] expected features with D = 7");
  expect_error([&] { ops::straight_through(map, codebook, few); },
               "[straight_through codes] expected shape [2, 4, 5], got [2, 4]");
  expect_error([&] { ops::straight_through(map, codebook, codes, 2); }, "expected a fraction from 0 to 1, got 2");
  expect_error([&] { ops::code_statistics(map, few, 6); }, "[code_statistics codes] expected shape [2, 4, 5]");
  expect_error([&] { ops::code_statistics(map, codes, 0); }, "expected a count of at least 1 code, got 0");
}

}  // namespace
}  // namespace fqgan::test
