// A new family is one line here.
#include "fqgan/models/registry.h"

#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/core/text.h"
#include "fqgan/models/biggan/options.h"
#include "fqgan/models/improved/options.h"

namespace fqgan {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<FamilyOptions> (*make)();
};

template <class T>
std::unique_ptr<FamilyOptions> make() {
  return std::make_unique<T>();
}

const Entry table[] = {
    {"biggan", make<BigGanOptions>},
    {"improved", make<ImprovedOptions>},
};

}  // namespace

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& entry : table) names.push_back(entry.name);
  return names;
}

std::unique_ptr<FamilyOptions> family_options(const std::string& name) {
  for (const auto& entry : table)
    if (entry.name == name) return entry.make();
  const auto known = family_names();
  fail("family", "expected one of " + quoted_list(known) + ", got '" + name + "'" + suggestion(name, known));
}

}  // namespace fqgan
