#include "support/support.h"

#include <unistd.h>

#include <atomic>

namespace fqgan::test {

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> count{0};
  path = std::filesystem::temp_directory_path() /
         ("fqgan-test-" + std::to_string(getpid()) + "-" + std::to_string(count++));
  std::filesystem::create_directories(path);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace fqgan::test
