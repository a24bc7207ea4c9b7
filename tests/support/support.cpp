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

void expect_names(const std::string& message, const std::vector<std::string>& names, std::source_location place) {
  for (const auto& name : names)
    if (message.find(name) == std::string::npos)
      ADD_FAILURE_AT(place.file_name(), static_cast<int>(place.line())) << "'" << name << "' is not in: " << message;
}

}  // namespace fqgan::test
