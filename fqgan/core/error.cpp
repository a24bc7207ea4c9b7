#include "fqgan/core/error.h"

namespace fqgan {

void throw_internal(const char* file, int line, const char* condition, const std::string& message) {
  throw InternalError(std::string(file) + ":" + std::to_string(line) + ": " + message + " (" + condition + ")");
}

}  // namespace fqgan
