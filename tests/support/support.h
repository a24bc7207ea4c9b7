// What tests of every room use.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

namespace fqgan::test {

/// A folder of its own for one test, removed afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::filesystem::path path;
  std::filesystem::path operator/(const std::string& name) const { return path / name; }
};

/// The message of the exception of type E that `action` throws; "" (and a test failure) if it does not.
template <class E>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// A message names what it is about: the option or file that is wrong, the value that came, a choice. Each of `names`
/// occurs in it. The sentence around them is not tested, so that wording can improve.
void expect_names(const std::string& message, const std::vector<std::string>& names,
                  std::source_location place = std::source_location::current());

/// `action` throws an E (of core/error.h: the kind decides the exit code) whose message names `names`.
template <class E>
void expect_error(const std::function<void()>& action, const std::vector<std::string>& names,
                  std::source_location place = std::source_location::current()) {
  SCOPED_TRACE(std::string(place.file_name()) + ":" + std::to_string(place.line()));
  expect_names(message_of<E>(action), names, place);
}

/// For output and log lines; messages of errors: expect_error.
#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

}  // namespace fqgan::test
