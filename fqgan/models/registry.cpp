// The table of families; a new family adds one line.
#include "fqgan/models/registry.h"

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/models/biggan/options.h"
#include "fqgan/models/improved/options.h"
#include "fqgan/models/stylegan2/options.h"

namespace fqgan {
namespace {

struct Entry {
  std::string name;
  MakeFamilyOptions make;
};

std::vector<Entry>& table() {
  static std::vector<Entry> entries = {
      {"biggan", make_options<BigGanOptions>},
      {"improved", make_options<ImprovedOptions>},
      {"stylegan2", make_options<StyleGan2Options>},
  };
  return entries;
}

}  // namespace

void add_family(const std::string& name, MakeFamilyOptions make) {
  for (const auto& entry : table()) FQGAN_CHECK(entry.name != name, "family '" + name + "' exists already");
  table().push_back({name, make});
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& entry : table()) names.push_back(entry.name);
  return names;
}

std::unique_ptr<FamilyOptions> family_options(const std::string& name) {
  for (const auto& entry : table())
    if (entry.name == name) return entry.make();
  const auto known = family_names();
  fail("family", "expected one of " + quoted_list(known) + ", got '" + name + "'" + suggestion(name, known));
}

}  // namespace fqgan
