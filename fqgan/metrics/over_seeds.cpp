#include "fqgan/metrics/over_seeds.h"

#include "fqgan/core/error.h"
#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {

Evaluation over_seeds(const std::vector<Evaluation>& evaluations) {
  FQGAN_CHECK(evaluations.size() > 1, "a standard deviation of one measurement");
  Evaluation result = evaluations.front();
  result.values.clear();
  for (const auto& [name, first] : evaluations.front().values) {
    std::vector<double> values;
    for (const auto& evaluation : evaluations)
      for (const auto& value : evaluation.values)
        if (value.name == name) values.push_back(value.value);
    if (values.size() < evaluations.size()) {  // a C_T that is not defined
      result.warnings.push_back(name + " is missing, because it is not defined for every seed");
      continue;
    }
    result.values.push_back({name, mean_and_std(values).mean});
    const auto metric = name.substr(0, name.find_first_of("[/"));
    if (!metric.ends_with("_std"))
      result.values.push_back({metric + "_seeds_std" + name.substr(metric.size()), sample_std(values)});
  }
  return result;
}

}  // namespace fqgan
