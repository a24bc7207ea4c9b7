#include "fqgan/metrics/test_split.h"

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/sources/source.h"

namespace fqgan {

DataOptions whole_split(DataOptions options, const std::string& split) {
  options.split = split;
  options.limit.reset();
  options.labels_per_class.reset();
  options.part = "all";
  options.flip = false;
  return options;
}

std::unique_ptr<Dataset> open_test_split(const DataOptions& options) {
  const auto test = whole_split(options, "test");
  try {
    // A source without splits has the same files for both names.
    const auto files = open_source(test)->manifest.digest();
    if (files == open_source(whole_split(options, "train"))->manifest.digest()) return nullptr;
  } catch (const UserError& error) {
    log_info("no test split: " + std::string(error.what()));
    return nullptr;
  }
  return open_dataset(test);
}

}  // namespace fqgan
