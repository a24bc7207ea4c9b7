// What is the same for the options of all families: the data sets they ask for, and that every problem is named.
#include "fqgan/core/error.h"
#include "fqgan/models/registry.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(FamilyOptions, BuildNamesEveryProblemInOneLine) {
  for (const std::string name : {"biggan", "improved"}) {
    const auto options = family_options(name);
    options->batch = 64;
    const DataInfos infos{{"train", {10, 3, 33, 32, 1, {"a"}}}, {"labelled", {10, 3, 33, 32, 1, {"a"}}}};
    const auto problems = options->problems(infos);
    EXPECT_GT(problems.lines.size(), 0u) << name;
    const auto message = message_of<UserError>([&] { options->build(infos, {}, 1); });
    for (const auto& problem : problems.lines) expect_names(message, {problem});
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_EQ(message_of<UserError>([&] { options->require(infos); }), message);
  }
  const auto options = family_options("improved");
  options->batch = 64;
  const auto message = message_of<UserError>([&] { options->build({{"train", {10, 1, 8, 8, 0, {}}}}, {}, 1); });
  expect_names(message, {"data", "; model.batch: "});
}

TEST(FamilyOptions, RequestTheirDataSets) {
  const auto names = [](const std::string& family) {
    std::vector<std::string> result;
    for (const auto& request : family_options(family)->datasets()) result.push_back(request.name);
    return result;
  };
  EXPECT_EQ(names("biggan"), std::vector<std::string>{"train"});
  EXPECT_EQ(names("improved"), (std::vector<std::string>{"train", "labelled"}));
  EXPECT_EQ(family_options("improved")->datasets()[1].view.part, "labelled");
}

}  // namespace
}  // namespace fqgan::test
