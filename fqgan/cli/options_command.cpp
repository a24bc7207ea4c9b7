// fqgan options FAMILY: lists every option with type, default and meaning.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "fqgan/cli/program.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/models/registry.h"

namespace fqgan {
namespace {

struct OptionsFlags {
  std::string family;
  bool json = false, toml = false;
};

std::string table_of(Recipe& recipe) {
  const auto described = describe_options(recipe);
  size_t width = 0;
  for (const auto& field : described) width = std::max(width, field.key.size() + field.value.size() + 3);
  std::string table;
  for (const auto& field : described) {
    const auto head = field.key + " = " + field.value;
    table += head + std::string(width + 2 - head.size(), ' ') + field.type + ": " + field.meaning + "\n";
  }
  return table;
}

std::string json_of(Recipe& recipe) {
  auto list = nlohmann::json::array();
  for (const auto& field : describe_options(recipe))
    list.push_back({{"key", field.key},
                    {"type", field.type},
                    {"default", field.value},
                    {"meaning", field.meaning},
                    {"changeable_on_resume", field.resumable}});
  return list.dump(2) + "\n";
}

}  // namespace

void add_options(CLI::App& program, Action& action) {
  auto flags = std::make_shared<OptionsFlags>();
  auto* command = program.add_subcommand("options", "list every option of a model family");
  command->add_option("family", flags->family, "model family, one of: " + join(family_names()))->required();
  auto* json = command->add_flag("--json", flags->json, "print one JSON document");
  command->add_flag("--toml", flags->toml, "print a complete recipe with the defaults")->excludes(json);
  command->callback([flags, &action] {
    action = [flags] {
      const auto recipe = default_recipe(flags->family);
      print(flags->json ? json_of(*recipe) : flags->toml ? write_options(*recipe) : table_of(*recipe));
      return 0;
    };
  });
}

}  // namespace fqgan
