#include "fqgan/data/unused_options.h"

#include "fqgan/core/error.h"

namespace fqgan {

std::vector<UnusedOption> reset_unused_options(DataOptions& options) {
  const DataOptions defaults;
  std::vector<UnusedOption> unused;
  const auto reset = [&](const char* key, auto field, bool used, const char* need) {
    if (used || options.*field == defaults.*field) return;
    options.*field = defaults.*field;
    unused.push_back({key, need});
  };
  const bool chosen = options.labels_per_class.has_value(), held_out = options.held_out.has_value();
  reset("labels_seed", &DataOptions::labels_seed, chosen, "data.labels_per_class");
  reset("held_out_per_class", &DataOptions::held_out_per_class, held_out, "data.held_out");
  reset("held_out_seed", &DataOptions::held_out_seed, held_out, "data.held_out");
  reset("limit_by", &DataOptions::limit_by, options.limit.has_value(), "data.limit");
  reset("pad_value", &DataOptions::pad_value, options.fit == "pad", "data.fit = \"pad\"");
  reset("background", &DataOptions::background, options.alpha == "composite", "data.alpha = \"composite\"");
  return unused;
}

void refuse_unused_options(DataOptions options) {
  const auto unused = reset_unused_options(options);
  if (!unused.empty())
    fail("data." + unused[0].key,
         "expected " + unused[0].need + " too, without which this has no effect. Hint: set both, or leave this out");
}

}  // namespace fqgan
