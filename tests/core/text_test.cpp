#include "fqgan/core/text.h"

#include <gtest/gtest.h>

namespace fqgan {
namespace {

TEST(Text, ClosestWord) {
  EXPECT_EQ(closest("hing", {"wasserstein", "hinge"}), "hinge");
  EXPECT_EQ(closest("modle", {"data", "model"}), "model");
  EXPECT_EQ(closest("steps", {"data", "model"}), "");
  EXPECT_EQ(closest("a", {"b", "c"}), "");
  EXPECT_EQ(closest("", {"b"}), "");
}

TEST(Text, Suggestion) {
  EXPECT_EQ(suggestion("hing", {"hinge"}, ". Hint: x"), ". Did you mean 'hinge'?");
  EXPECT_EQ(suggestion("zzz", {"hinge"}, ". Hint: x"), ". Hint: x");
  EXPECT_EQ(suggestion("zzz", {}), "");
}

TEST(Text, Lists) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join({"a"}), "a");
  EXPECT_EQ(join({"a", "", "c"}, "; "), "a; ; c");
  EXPECT_EQ(quoted_list({}), "");
  EXPECT_EQ(quoted_list({"a", "b"}), "'a', 'b'");
}

TEST(Text, Words) {
  EXPECT_EQ(lower("A-Zé.PNG"), "a-zé.png");
  EXPECT_EQ(plural(1, "class"), "1 class");
  EXPECT_EQ(plural(0, "class"), "0 classes");
  EXPECT_EQ(plural(2, "image"), "2 images");
}

TEST(Text, Numbers) {
  EXPECT_EQ(significant(0.000123456, 3), "0.000123");
  EXPECT_EQ(significant(1234567, 3), "1.23e+06");
  EXPECT_EQ(fixed(-1.005e300, 0).size(), 302u);
  EXPECT_EQ(fixed(2.346, 2), "2.35");
}

}  // namespace
}  // namespace fqgan
