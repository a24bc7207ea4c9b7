#include "fqgan/checkpoint/weights.h"

namespace fqgan {

Checkpoint weights_only(const Checkpoint& checkpoint) {
  Checkpoint small;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (name.starts_with("network.") || name.starts_with("average.")) small.tensors.emplace(name, tensor);
  for (const auto& [key, value] : checkpoint.metadata)
    if (!key.starts_with("cursor.") && !key.starts_with("log.")) small.metadata.emplace(key, value);
  small.metadata["kind"] = "weights";
  return small;
}

}  // namespace fqgan
