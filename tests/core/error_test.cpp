#include "fqgan/core/error.h"

#include "support/support.h"

namespace fqgan::test {

TEST(Error, SaysWhere) {
  EXPECT_EQ(message_of<UserError>([] { fail("a.toml", "expected b"); }), "[a.toml] expected b");
  EXPECT_EQ(message_of<SystemError>([] { fail<SystemError>("disk", "full"); }), "[disk] full");
  const NumericalError error("block2", "loss is nan");
  EXPECT_EQ(std::string(error.what()), "[block2] loss is nan");
  EXPECT_EQ(error.where, "block2");
}

TEST(Error, ABrokenInvariantNamesFileAndCondition) {
  const auto message = message_of<InternalError>([] { FQGAN_CHECK(1 > 2, "so it is"); });
  expect_names(message, {"error_test.cpp:", "so it is", "1 > 2"});
}

}  // namespace fqgan::test
