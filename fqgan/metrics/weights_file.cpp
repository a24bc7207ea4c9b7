#include "fqgan/metrics/weights_file.h"

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"

namespace fqgan {

Checkpoint load_weights(const std::string& path, const std::string& expected, const std::string& hint) {
  try {
    return load_checkpoint(path, false);
  } catch (const DamagedFile& error) {  // it speaks of checkpoints
    log_detail(error.what());
    fail(path, "expected " + expected + ", found a file that is damaged or no safetensors file. Hint: " + hint);
  }
}

}  // namespace fqgan
