// TOML is nested only so deeply that walking through it does not use up the stack.
#include "fqgan/core/toml_depth.h"

#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

std::string repeated(const std::string& part, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += part;
  return text;
}

TEST(TomlDepth, DeepRecipesAreRefused) {
  for (const size_t depth : {size_t{101}, size_t{100000}}) {
    const auto key = repeated("a.", depth) + "b";
    for (const auto& text : {key + " = 1", "[" + key + "]", "[[" + key + "]]", "a = {" + key + " = 1}",
                             "a = " + repeated("[", depth) + repeated("]", depth),
                             repeated("a.a = {", depth) + repeated("}", depth), repeated("\"a\" . ", depth) + "b = 1"})
      expect_error<UserError>([&] { RecipeText::from_string("x = 1\n" + text, "deep.toml"); }, {"deep.toml:2", "100"});
    expect_error<UserError>([&] { RecipeText().set(key + "=1"); }, {"--set", "100"});
  }
}

TEST(TomlDepth, DotsAndBracketsInTextDoNotCount) {
  const auto dots = repeated("a.[{", 200);
  for (const auto& text :
       {"x = '" + dots + "'", "x = \"\\\"" + dots + "\"", "x = 1 # " + dots, "x = '''\n" + dots + "'''",
        "x = \"\"\"\n" + dots + "\n\"\"\"\"", "x = [" + repeated("1.5, ", 200) + "]", repeated("[[a.b]]\n", 200)})
    RecipeText::from_string(text, "flat.toml");
  RecipeText().set("x=" + dots);
}

}  // namespace
}  // namespace fqgan::test
