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

TEST(Confusion, MakesRoomForLargeNumbersAndNames) {
  const auto few = draw_confusion(torch::tensor({{5, 0}, {0, 3}}), {"0", "1"});
  const auto many = draw_confusion(torch::tensor({{1234567, 0}, {0, 3}}), {"0", "1"});
  const auto named = draw_confusion(torch::tensor({{5, 0}, {0, 3}}), {"zero", "\xc3\xa9l\xc3\xa9phant"});
  EXPECT_GT(many.size(2), few.size(2));
  EXPECT_GT(named.size(2), few.size(2));
}

TEST(Confusion, RefusesTooManyClasses) {
  const auto counts = torch::zeros({101, 101}, torch::kLong);
  EXPECT_CONTAINS(message_of<UserError>([&] { draw_confusion(counts, std::vector<std::string>(101, "x")); }), "100");
}

}  // namespace
}  // namespace fqgan::test
