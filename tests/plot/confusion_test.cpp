// The picture of a confusion matrix: a cell a pair of classes, coloured where there is something.
#include "fqgan/plot/confusion.h"

#include <torch/torch.h>

#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

int64_t coloured(const at::Tensor& picture) {
  return picture[0].ne(picture[2]).sum().item<int64_t>();  // red and blue differ: neither paper nor ink
}

TEST(Confusion, ShadesWhatWasCounted) {
  const auto diagonal = draw_confusion(torch::tensor({{5, 0}, {0, 3}}), {"cat", "a dog"});
  const auto full = draw_confusion(torch::tensor({{5, 5}, {3, 3}}), {"cat", "a dog"});
  ASSERT_EQ(diagonal.sizes(), full.sizes());
  EXPECT_EQ(diagonal.size(0), 3);
  EXPECT_GT(coloured(diagonal), 0);
  EXPECT_GT(coloured(full), coloured(diagonal) * 3 / 2);
}

TEST(Confusion, ARowIsTheTrueClassAndAColumnThePrediction) {
  // Three images of class 0 that were taken for class 2: one cell, at the top right.
  const auto picture = draw_confusion(torch::tensor({{0, 0, 3}, {0, 0, 0}, {0, 0, 0}}), {"0", "1", "2"});
  const auto cells = picture[0].ne(picture[2]).nonzero().to(torch::kDouble);
  ASSERT_GT(cells.size(0), 0);
  const auto y = cells.select(1, 0), x = cells.select(1, 1);
  EXPECT_LT(y.max().item<double>(), static_cast<double>(picture.size(1)) / 2);
  EXPECT_GT(x.min().item<double>(), static_cast<double>(picture.size(2)) / 2);
  const auto orange = picture[0].gt(picture[2]).sum().item<int64_t>();
  EXPECT_EQ(orange, cells.size(0)) << "a wrong prediction is orange";
  const auto right = draw_confusion(torch::tensor({{0, 0}, {0, 3}}), {"0", "1"});
  EXPECT_EQ(right[0].gt(right[2]).sum().item<int64_t>(), 0) << "a right one is blue";
}

TEST(Confusion, MakesRoomForLargeNumbersAndNames) {
  const auto few = draw_confusion(torch::tensor({{5, 0}, {0, 3}}), {"0", "1"});
  const auto many = draw_confusion(torch::tensor({{1234567, 0}, {0, 3}}), {"0", "1"});
  const auto named = draw_confusion(torch::tensor({{5, 0}, {0, 3}}), {"zero", "\xc3\xa9l\xc3\xa9phant"});
  EXPECT_GT(many.size(2), few.size(2));
  EXPECT_GT(named.size(2), few.size(2));
}

TEST(Confusion, RefusesTooManyClasses) {
  const auto counts = torch::zeros({101, 101}, torch::kLong);
  expect_error<UserError>([&] { draw_confusion(counts, std::vector<std::string>(101, "x")); }, {"100", "101"});
}

}  // namespace
}  // namespace fqgan::test
