#include "fqgan/metrics/over_seeds.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {

Evaluation over_seeds(const std::vector<Evaluation>& evaluations) {
  FQGAN_CHECK(evaluations.size() > 1, "a standard deviation of one measurement");
  Evaluation result = evaluations.front();
  result.values.clear();
  for (size_t i = 0; i < evaluations.front().values.size(); ++i) {
    const auto& name = evaluations.front().values[i].name;
    std::vector<double> values;
    for (const auto& evaluation : evaluations) {
      FQGAN_CHECK(evaluation.values.at(i).name == name, "evaluations of different metrics");
      values.push_back(evaluation.values[i].value);
    }
    result.values.push_back({name, mean_and_std(values).mean});
    const auto metric = name.substr(0, name.find_first_of("[/"));
    if (!metric.ends_with("_std"))
      result.values.push_back({metric + "_seeds_std" + name.substr(metric.size()), sample_std(values)});
  }
  return result;
}

}  // namespace fqgan
