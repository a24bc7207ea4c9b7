// Recipe files: `extends`, merging, and which file of a chain an error names.
#include <cerrno>
#include <cstring>

#include "core/options_support.h"
#include "fqgan/core/atomic_file.h"

namespace fqgan::test {
namespace {

struct RecipeFiles : testing::Test {
  TemporaryFolder folder;
  std::string write(const std::string& name, const std::string& toml) {
    make_folder((folder / name).parent_path());
    write_file_atomically(folder / name, toml);
    return (folder / name).string();
  }
  SampleOptions read_file_of(const std::string& name) {
    SampleOptions options;
    read_options(RecipeText::from_file((folder / name).string()), options);
    return options;
  }
  std::string error_of(const std::string& name) {
    return message_of<UserError>([&] { read_file_of(name); });
  }
};

TEST_F(RecipeFiles, ExtendsMergesTablesDeeplyAndReplacesLists) {
  write("base/a.toml",
        "steps = 1\nflip = true\n[model]\nloss = 'wasserstein'\nwidths = [1, 2, 3]\n[model.quantizer]\ncodes = 5");
  write("base/b.toml", "extends = 'a.toml'\nsteps = 2");
  write("c.toml", "extends = 'base/b.toml'\n[model]\nwidths = [9]\nquantizer.decay = 0.5");
  const auto options = read_file_of("c.toml");
  EXPECT_EQ(options.steps, 2);
  EXPECT_TRUE(options.flip);
  EXPECT_EQ(options.model.loss, "wasserstein");
  EXPECT_EQ(options.model.widths, (std::vector<int64_t>{9}));
  EXPECT_EQ(options.model.quantizer.codes, 5);
  EXPECT_EQ(options.model.quantizer.decay, 0.5);
}

TEST_F(RecipeFiles, ErrorsNameTheFileOfTheChain) {
  const auto base = write("base.toml", "\n\nsteps = 1\n");
  const auto top = write("top.toml", "extends = 'base.toml'\nflip = 3");
  expect_names(error_of("top.toml"), {"[" + top + ":2] flip", "3"});
  write("base.toml", "\n\nsteps = 'x'\n[model]\nlos = 'hinge'");
  write("top.toml", "extends = 'base.toml'\nflip = true");
  expect_names(error_of("top.toml"), {"[" + base + ":5]", "'model.los'", "'model.loss'"});
  write("base.toml", "\n\nsteps = 'x'");
  expect_names(error_of("top.toml"), {"[" + base + ":3] steps", "'x'"});
  write("top.toml", "extends = 'base.toml'\nsteps = 4");  // overridden: the base's mistake is gone
  EXPECT_EQ(read_file_of("top.toml").steps, 4);
}

TEST_F(RecipeFiles, RefusesCircles) {
  const auto a = write("a.toml", "extends = 'sub/b.toml'");
  const auto b = write("sub/b.toml", "extends = '../sub/../a.toml'");
  const auto message = error_of("a.toml");
  expect_names(message, {"[" + b + ":1] extends", "'" + a + "' -> '" + b + "' -> '" + a + "'"});
  write("self.toml", "extends = 'self.toml'");
  expect_names(error_of("self.toml"), {"self.toml:1] extends"});
}

TEST_F(RecipeFiles, RefusesMissingAndBadFiles) {
  const auto a = write("a.toml", "\nextends = 'no.toml'");
  expect_names(error_of("a.toml"), {"[" + a + ":2] extends", "'" + (folder / "no.toml").string() + "'"});
  write("a.toml", "extends = 3");
  expect_names(error_of("a.toml"), {"[" + a + ":1] extends", "3"});
  write("a.toml", "steps = 1\nsteps = = 2");
  expect_names(error_of("a.toml"), {"[" + a + ":2] ", "TOML"});
  expect_names(error_of("missing.toml"), {"missing.toml]", std::strerror(ENOENT)});
}

TEST_F(RecipeFiles, ErrorsAreOneLine) {
  write("a.toml", "steps = 1\nsteps = 2");
  EXPECT_EQ(error_of("a.toml").find('\n'), std::string::npos);
}

TEST(AssignedKey, IsWithoutBlanks) {
  EXPECT_EQ(assigned_key(" a.b = c=d"), "a.b");
  EXPECT_EQ(assigned_key("a.b"), "a.b");
}

TEST(RecipeText, SetTakesNoTable) {
  RecipeText text;
  for (const char* assignment : {"data={path=\"x\"}", "data = {}"})
    expect_names(message_of<UserError>([&] { text.set(assignment); }), {"[--set]", "data", "data.OPTION"});
  text.set("name={not a table");
  EXPECT_EQ(text.get("name", ""), "{not a table");
}

TEST(RecipeText, CopiesAreIndependent) {
  RecipeText a = RecipeText::from_string("path = 'a'", "recipe.toml");
  RecipeText b = a;
  b.set("path=b");
  EXPECT_EQ(a.get("path", ""), "a");
  EXPECT_EQ(b.get("path", ""), "b");
  a = b;
  EXPECT_EQ(a.get("path", ""), "b");
}

}  // namespace
}  // namespace fqgan::test
