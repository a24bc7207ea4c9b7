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
  expect_names(read_error("steps = 1.5"), {"[recipe.toml:1] steps", "1.5"});
  expect_names(read_error("steps = 1e3"), {"[recipe.toml:1] steps", "1000.0"});
}

TEST(ReadOptions, RefusesWrongTypes) {
  expect_names(read_error("\nsteps = 'abc'"), {"[recipe.toml:2] steps", "'abc'"});
  expect_names(read_error("learning_rate = true"), {"[recipe.toml:1] learning_rate", "true"});
  expect_names(read_error("flip = 17"), {"[recipe.toml:1] flip", "17"});
  expect_names(read_error("path = 3"), {"[recipe.toml:1] path", "3"});
  expect_names(read_error("path = [1]"), {"[recipe.toml:1] path"});
  expect_names(read_error("path = 2020-01-01"), {"[recipe.toml:1] path"});
  expect_names(read_error("model = 3"), {"[recipe.toml:1] model", "3"});
  expect_names(read_error("[steps]\na = 1"), {"steps"});
  expect_names(read_error("[model]\nwidths = 3"), {"model.widths", "3"});
}

TEST(ReadOptions, RefusesValuesOutOfRange) {
  expect_names(read_error("[model.quantizer]\ndecay = 1.5"),
               {"[recipe.toml:2] model.quantizer.decay", "1.5", "[0, 1]"});
  EXPECT_EQ(read("[model.quantizer]\ndecay = 1").model.quantizer.decay, 1.0);  // both ends are inclusive
  EXPECT_EQ(read("[model.quantizer]\ndecay = 0").model.quantizer.decay, 0.0);
  expect_names(read_error("steps = -1"), {"steps", "-1"});
  expect_names(read_error("learning_rate = 0"), {"learning_rate", "0"});
  expect_names(read_error("limit = 0"), {"limit", "1", "0"});
  expect_names(read_error("learning_rate = nan"), {"learning_rate", "nan"});
  expect_names(read_error("[model.quantizer]\ndecay = nan"), {"model.quantizer.decay", "nan"});
}

TEST(ReadOptions, ChecksEachElementOfAList) {
  expect_names(read_error("[model]\nwidths = [\n 8,\n 0]"), {"[recipe.toml:4] model.widths[1]", "0"});
  expect_names(read_error("[model]\nwidths = [8, 'a']"), {"model.widths[1]", "'a'"});
  expect_names(read_error("[model]\nattention = [1]"), {"model.attention[0]"});
  expect_names(read_error("[model.quantizer]\ntaps = [true]"), {"model.quantizer.taps[0]"});
}

TEST(ReadOptions, RefusesOtherThanTheChoices) {
  EXPECT_EQ(read("[model]\nloss = 'wasserstein'").model.loss, "wasserstein");
  expect_names(read_error("[model]\nloss = 'hing'"),
               {"[recipe.toml:2] model.loss", "'hinge'", "'wasserstein'", "'hing'"});
  expect_names(read_error("[model]\nloss = 'zzz'"),
               {"[recipe.toml:2] model.loss", "'hinge'", "'wasserstein'", "'zzz'"});
}

TEST(ReadOptions, NamesUnknownKeysAndWhatWasMeant) {
  expect_names(read_error("[model.quantizer]\ncode = 3"),
               {"[recipe.toml:2]", "'model.quantizer.code'", "'model.quantizer.codes'"});
  expect_names(read_error("[modle.quantizer]\ncodes = 3"), {"[recipe.toml:1]", "'modle'", "'model'"});
  expect_names(read_error("codes = 3"), {"[recipe.toml:1]", "'codes'", "'model.quantizer.codes'"});
  expect_names(read_error("[model.quantizer]\nzzzz = 3"),
               {"[recipe.toml:2]", "'model.quantizer.zzzz'", "'codes'", "'decay'", "'taps'"});
  expect_names(read_error("", {"model.los=hinge"}), {"[--set]", "'model.los'", "'model.loss'"});
  expect_names(read_error("", {"modle.loss=hinge"}), {"[--set]", "'modle'", "'model'"});
}

TEST(ReadOptions, NamesEveryTableWhoseKeyWasMeant) {
  struct Twice : Options {
    QuantizerOptions first, second;
    void fields(FieldVisitor& visit) override {
      visit("first", first, about("one"));
      visit("second", second, about("another"));
    }
  } options;
  const auto message =
      message_of<UserError>([&] { read_options(RecipeText::from_string("codes = 3", "recipe.toml"), options); });
  expect_names(message, {"Did you mean one of 'first.codes', 'second.codes'?"});
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
  expect_names(read_error("steps = 'none'"), {"steps", "'none'"});  // not an optional
  EXPECT_EQ(read("path = 'none'").path, "none");
}

TEST(Set, ReadsTomlValuesElseStrings) {
  const auto options = read("", {"steps=7", "learning_rate = 1e-3", "flip=true", "model.widths=[4, 5]", "path=a b/c",
                                 "model.quantizer.codes = 3", "label=\"quo\\\"ted\""});
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
  expect_names(read_error("", {"path=[1]"}), {"[--set] path"});
}

TEST(Set, OverridesFilesAndNamesItselfInErrors) {
  EXPECT_EQ(read("steps = 1", {"steps=2", "steps=3"}).steps, 3);
  expect_names(read_error("steps = 1", {"steps=abc"}), {"[--set] steps", "'abc'"});
  expect_names(read_error("steps = 'x'", {"flip=true"}), {"[recipe.toml:1] steps", "'x'"});
}

TEST(Set, RefusesWhatIsNoAssignment) {
  for (const char* wrong : {"steps", "=3", "a..b=3", ".a=3", "a.=3", ""}) {
    expect_names(read_error("", {wrong}), {"[--set] ", "'" + std::string(wrong) + "'"});
  }
  expect_names(read_error("steps = 3", {"steps.x=1"}), {"[--set] steps.x", "'steps'", "3"});
  expect_names(read_error("", {"extends=a.toml"}), {"[--set] extends"});
  expect_names(read_error("", {"path=\xff\xfe"}), {"[--set] ", "TOML"});
}

TEST(Get, ReadsAStringByItsDottedKey) {
  RecipeText text = RecipeText::from_string("family = 'biggan'\n[a]\nb = 'c'\nn = 1", "recipe.toml");
  text.set("name=123");
  text.set("z.y=1");
  EXPECT_EQ(text.get("family", "x"), "biggan");
  EXPECT_EQ(text.get("a.b", "x"), "c");
  EXPECT_EQ(text.get("a.missing.deeper", "x"), "x");
  EXPECT_EQ(text.get("name", "x"), "123");
  expect_error<UserError>([&] { text.get("a.n", ""); }, {"[recipe.toml:4] a.n", "1"});
  expect_error<UserError>([&] { text.get("z", ""); }, {"z: "});
}

}  // namespace fqgan::test
