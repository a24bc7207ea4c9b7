#include "fqgan/core/text.h"

#include <gtest/gtest.h>

namespace fqgan {
namespace {

TEST(Text, ClosestWord) {
  EXPECT_EQ(closest("hing", {"wasserstein", "hinge"}), "hinge");
  EXPECT_EQ(closest("modle", {"data", "model"}), "model");
  EXPECT_EQ(closest("bots", {"coat", "boot", "bag"}), "boot");
  EXPECT_EQ(closest("steps", {"data", "model"}), "");
  EXPECT_EQ(closest("codes", {"data", "model"}), "");
  EXPECT_EQ(closest("cat", {"cow", "dog"}), "");
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

TEST(Text, ShortLists) {
  EXPECT_EQ(short_list({"a", "b"}, 2), "'a', 'b'");
  EXPECT_EQ(short_list({"a", "b", "c", "d"}, 2), "'a', 'b' and 2 more");
}

TEST(Text, Utf8) {
  for (const char* good :
       {"", "cat", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x88", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
    EXPECT_EQ(printable(good), good);
  }
  // Latin-1, a lone continuation, cut characters, overlong forms, a surrogate, beyond the last character, UTF-16.
  for (const char* bad : {"caf\xe9", "\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x90", "\xc0\xaf", "\xe0\x80\xaf",
                          "\xf0\x80\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xff\xfe"
                          "a"}) {
    EXPECT_FALSE(is_utf8(bad));
    EXPECT_TRUE(is_utf8(printable(bad)));
  }
  EXPECT_EQ(printable("caf\xe9!"), "caf\xef\xbf\xbd!");
  EXPECT_EQ(printable("two\nlines\x1b"), "two\xef\xbf\xbdlines\xef\xbf\xbd");
  EXPECT_EQ(without_byte_order_mark("\xef\xbb\xbf"
                                    "cat"),
            "cat");
  EXPECT_EQ(without_byte_order_mark("cat"), "cat");
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

TEST(Text, KnowsUtf8) {
  for (const std::string text : {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  // Latin-1, a lonely continuation, cut, overlong, a surrogate, beyond U+10FFFF
  for (const std::string text : {"caf\xe9", "\x80", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
                                 "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"})
    EXPECT_FALSE(is_utf8(text)) << one_line(text);
}

TEST(Text, StaysOnOneLine) {
  EXPECT_EQ(one_line("a\nb\tc\x1b[2J\x7f caf\xc3\xa9"), "a\\nb\\tc\\x1b[2J\\x7f caf\xc3\xa9");
}

}  // namespace
}  // namespace fqgan
