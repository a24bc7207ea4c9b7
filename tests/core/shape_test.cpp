#include "fqgan/core/shape.h"

#include <ATen/ops/empty.h>

#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan::test {

TEST(ShapeText, IsAList) {
  EXPECT_EQ(shape_text({2, 3, 32, 32}), "[2, 3, 32, 32]");
  EXPECT_EQ(shape_text({}), "[]");
}

TEST(CheckShape, AcceptsWhatMatches) {
  check_shape(at::empty({2, 3, 32, 16}), {any, 3, any, 16}, "here");
  check_shape(at::empty({0, 3}), {any, 3}, "here");
  check_shape(at::empty({}), {}, "here");
}

TEST(CheckShape, SaysWhereAndWhat) {
  const auto error = [](const at::Tensor& x) {
    return message_of<UserError>([&] { check_shape(x, {any, 3, any, any}, "conv"); });
  };
  expect_names(error(at::empty({2, 1, 32, 32})), {"[conv]", "[any, 3, any, any]", "[2, 1, 32, 32]"});
  expect_names(error(at::empty({2, 3, 32})), {"[conv]", "[any, 3, any, any]", "[2, 3, 32]"});
  expect_names(error(at::Tensor()), {"[conv]", "[any, 3, any, any]"});
}

}  // namespace fqgan::test
