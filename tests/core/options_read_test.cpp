// Reading recipes into structs: values, types, ranges, choices and the errors that name the place.
#include <cmath>
#include <limits>

#include "core/options_support.h"

namespace fqgan::test {

TEST(ReadOptions, FillsWhatTheTextMentionsAndKeepsTheRest) {
  const auto options =
      read("steps = 5\n[model]\nwidths = [1, 2, 3]\nattention = [true, false]\n[model.quantizer]\ncodes = 7");
  EXPECT_EQ(options.steps, 5);
  EXPECT_EQ(options.model.widths, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(options.model.attention, (std::vector<bool>{true, false}));
  EXPECT_EQ(options.model.quantizer.codes, 7);
  EXPECT_EQ(options.model.quantizer.decay, 0.9);
  EXPECT_EQ(options.path, "data");
}

TEST(ReadOptions, TakesAnIntForADoubleNotTheReverse) {
  EXPECT_EQ(read("learning_rate = 1").learning_rate, 1.0);
  EXPECT_EQ(read_error("steps = 1.5"), "[recipe.toml:1] steps: expected an integer, got 1.5 (float)");
  EXPECT_EQ(read_error("steps = 1e3"),
            "[recipe.toml:1] steps: expected an integer, got 1000.0 (float). Hint: write 1000");
}

TEST(ReadOptions, RefusesWrongTypes) {
  EXPECT_EQ(read_error("\nsteps = 'abc'"), "[recipe.toml:2] steps: expected an integer, got 'abc' (string)");
  EXPECT_CONTAINS(read_error("learning_rate = true"), "learning_rate: expected a number, got true (boolean)");
  EXPECT_CONTAINS(read_error("flip = 1"), "flip: expected true or false, got 1 (integer)");
  EXPECT_CONTAINS(read_error("path = 3"), "path: expected a string, got 3 (integer). Hint: put it in quotes");
  EXPECT_CONTAINS(read_error("path = [1]"), "path: expected a string, got a list");
  EXPECT_CONTAINS(read_error("path = 2020-01-01"), "path: expected a string, got a date or time");
  EXPECT_CONTAINS(read_error("model = 3"), "[recipe.toml:1] model: expected a table, got 3 (integer)");
  EXPECT_CONTAINS(read_error("[steps]\na = 1"), "steps: expected an integer, got a table");
  EXPECT_CONTAINS(read_error("[model]\nwidths = 3"), "model.widths: expected a list in [ ], got 3 (integer)");
}

TEST(ReadOptions, RefusesValuesOutOfRange) {
  EXPECT_EQ(read_error("[model.quantizer]\ndecay = 1.5"),
            "[recipe.toml:2] model.quantizer.decay: expected a number in [0, 1], got 1.5");
  EXPECT_EQ(read("[model.quantizer]\ndecay = 1").model.quantizer.decay, 1.0);  // both ends are inclusive
  EXPECT_EQ(read("[model.quantizer]\ndecay = 0").model.quantizer.decay, 0.0);
  EXPECT_CONTAINS(read_error("steps = -1"), "expected an integer >= 0, got -1");
  EXPECT_CONTAINS(read_error("learning_rate = 0"), "expected a number > 0, got 0");
  EXPECT_CONTAINS(read_error("limit = 0"), "limit: expected an integer >= 1, got 0");
  EXPECT_CONTAINS(read_error("learning_rate = nan"), "expected a number > 0, got nan");
  EXPECT_CONTAINS(read_error("[model.quantizer]\ndecay = nan"), "got nan");
}

TEST(ReadOptions, ChecksEachElementOfAList) {
  EXPECT_EQ(read_error("[model]\nwidths = [\n 8,\n 0]"),
            "[recipe.toml:4] model.widths[1]: expected an integer >= 1, got 0");
  EXPECT_CONTAINS(read_error("[model]\nwidths = [8, 'a']"), "model.widths[1]: expected an integer, got 'a' (string)");
  EXPECT_CONTAINS(read_error("[model]\nattention = [1]"), "model.attention[0]: expected true or false");
  EXPECT_CONTAINS(read_error("[model.quantizer]\ntaps = [true]"), "model.quantizer.taps[0]: expected a string");
}

TEST(ReadOptions, RefusesOtherThanTheChoices) {
  EXPECT_EQ(read("[model]\nloss = 'wasserstein'").model.loss, "wasserstein");
  EXPECT_EQ(read_error("[model]\nloss = 'hing'"),
            "[recipe.toml:2] model.loss: expected one of 'hinge', 'wasserstein', got 'hing'. Did you mean 'hinge'?");
  EXPECT_EQ(read_error("[model]\nloss = 'zzz'"),
            "[recipe.toml:2] model.loss: expected one of 'hinge', 'wasserstein', got 'zzz'");
}

TEST(ReadOptions, NamesUnknownKeysAndWhatWasMeant) {
  EXPECT_EQ(read_error("[model.quantizer]\ncode = 3"),
            "[recipe.toml:2] unknown key 'model.quantizer.code'. Did you mean 'model.quantizer.codes'?");
  EXPECT_EQ(read_error("[modle.quantizer]\ncodes = 3"), "[recipe.toml:1] unknown key 'modle'. Did you mean 'model'?");
  EXPECT_EQ(read_error("codes = 3"), "[recipe.toml:1] unknown key 'codes'. Did you mean 'model.quantizer.codes'?");
  EXPECT_EQ(read_error("[model.quantizer]\nzzzz = 3"),
            "[recipe.toml:2] unknown key 'model.quantizer.zzzz'. Keys in [model.quantizer]: 'codes', 'decay', 'taps'");
  EXPECT_EQ(read_error("", {"model.los=hinge"}), "[--set] unknown key 'model.los'. Did you mean 'model.loss'?");
  EXPECT_EQ(read_error("", {"modle.loss=hinge"}), "[--set] unknown key 'modle'. Did you mean 'model'?");
}

TEST(ReadOptions, LeavesTheStructAloneOnError) {
  SampleOptions options;
  const auto text = RecipeText::from_string("steps = 5\n[model]\nloss = 'hing'", "recipe.toml");
  EXPECT_THROW(read_options(text, options), UserError);
  EXPECT_EQ(options.steps, 1000);
}

TEST(ReadOptions, NoneClearsAnOptional) {
  SampleOptions options;
  options.limit = 5;
  options.label = "x";
  options.model.clip = 1.0;
  RecipeText text = RecipeText::from_string("limit = 'none'", "recipe.toml");
  text.set("model.clip=none");
  text.set("label=none");
  read_options(text, options);
  EXPECT_FALSE(options.limit || options.label || options.model.clip);
  EXPECT_CONTAINS(read_error("steps = 'none'"), "expected an integer");  // not an optional
  EXPECT_EQ(read("path = 'none'").path, "none");
}

TEST(Set, ReadsTomlValuesElseStrings) {
  const auto options = read("", {"steps=7", "learning_rate = 1e-3", "flip=true", "model.widths=[4, 5]", "path=a b/c",
                                 "model.quantizer={codes = 3}", "label=\"quo\\\"ted\""});
  EXPECT_EQ(options.steps, 7);
  EXPECT_EQ(options.learning_rate, 1e-3);
  EXPECT_TRUE(options.flip);
  EXPECT_EQ(options.model.widths, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(options.path, "a b/c");
  EXPECT_EQ(options.model.quantizer.codes, 3);
  EXPECT_EQ(options.label, "quo\"ted");
}

TEST(Set, GivesStringFieldsTheTextAsTyped) {
  EXPECT_EQ(read("", {"path=123"}).path, "123");
  EXPECT_EQ(read("", {"path=1.50"}).path, "1.50");
  EXPECT_EQ(read("", {"path=true"}).path, "true");
  EXPECT_EQ(read("", {"path=2020-01-01"}).path, "2020-01-01");
  EXPECT_EQ(read("", {"path="}).path, "");
  EXPECT_EQ(read("", {"path=a=b"}).path, "a=b");
  EXPECT_EQ(read("", {"path=1\nsteps=2"}).path, "1\nsteps=2");
  EXPECT_EQ(read("", {"label=42"}).label, "42");
  EXPECT_CONTAINS(read_error("", {"path=[1]"}), "[--set] path: expected a string, got a list");
}

TEST(Set, OverridesFilesAndNamesItselfInErrors) {
  EXPECT_EQ(read("steps = 1", {"steps=2", "steps=3"}).steps, 3);
  EXPECT_EQ(read_error("steps = 1", {"steps=abc"}), "[--set] steps: expected an integer, got 'abc' (string)");
  EXPECT_EQ(read_error("steps = 'x'", {"flip=true"}), "[recipe.toml:1] steps: expected an integer, got 'x' (string)");
}

TEST(Set, RefusesWhatIsNoAssignment) {
  for (const char* wrong : {"steps", "=3", "a..b=3", ".a=3", "a.=3", ""}) {
    EXPECT_CONTAINS(read_error("", {wrong}), "[--set] expected key=value, got '" + std::string(wrong) + "'");
  }
  EXPECT_EQ(read_error("steps = 3", {"steps.x=1"}), "[--set] steps.x: expected 'steps' to be a table, got 3 (integer)");
  EXPECT_CONTAINS(read_error("", {"extends=a.toml"}), "[--set] extends: expected in a recipe file only");
  EXPECT_CONTAINS(read_error("", {"path=\xff\xfe"}), "[--set] not TOML");
}

TEST(Get, ReadsAStringByItsDottedKey) {
  RecipeText text = RecipeText::from_string("family = 'biggan'\n[a]\nb = 'c'\nn = 1", "recipe.toml");
  text.set("name=123");
  text.set("z.y=1");
  EXPECT_EQ(text.get("family", "x"), "biggan");
  EXPECT_EQ(text.get("a.b", "x"), "c");
  EXPECT_EQ(text.get("a.missing.deeper", "x"), "x");
  EXPECT_EQ(text.get("name", "x"), "123");
  EXPECT_EQ(message_of<UserError>([&] { text.get("a.n", ""); }),
            "[recipe.toml:4] a.n: expected a string, got 1 (integer)");
  EXPECT_CONTAINS(message_of<UserError>([&] { text.get("z", ""); }), "z: expected a string, got a table");
}

}  // namespace fqgan::test
