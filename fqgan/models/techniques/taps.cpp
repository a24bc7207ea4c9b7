#include "fqgan/models/techniques/taps.h"

#include <algorithm>

#include "fqgan/core/text.h"

namespace fqgan {

std::vector<std::string> names_of(const std::vector<TapPoint>& points) {
  std::vector<std::string> names;
  for (const auto& point : points) names.push_back(point.name);
  return names;
}

void check_tap(const std::string& key, const std::string& name, const std::vector<std::string>& known,
               Problems& problems) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  problems.add(key, "expected one of the discriminator's taps (" + quoted_list(known) + "), got '" + name + "'" +
                        suggestion(name, known));
}

}  // namespace fqgan
