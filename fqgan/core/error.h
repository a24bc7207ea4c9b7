// The kinds of error, and the program's exit codes. A message says where the error is, what was expected, what was
// found, and what to do:
//   "[feature_quantizer] expected D = 256 channels, got 128. Hint: ..."
#pragma once

#include <stdexcept>
#include <string>

namespace fqgan {

/// The user's input is wrong: one line, exit code 2.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A file of ours is damaged (truncated, or with a wrong checksum).
struct DamagedFile : UserError {
  using UserError::UserError;
};

/// The machine failed (disk full, folder not writable while running): one line, exit code 1.
struct SystemError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A number that must be finite is not; `where` names the tap, loss or parameter. Exit code 3.
struct NumericalError : std::runtime_error {
  NumericalError(std::string where, const std::string& message)
      : std::runtime_error("[" + where + "] " + message), where(std::move(where)) {}
  std::string where;
};

/// An invariant of the program is broken (a bug): names file and line. Exit code 1.
struct InternalError : std::logic_error {
  using std::logic_error::logic_error;
};

[[noreturn]] void throw_internal(const char* file, int line, const char* condition, const std::string& message);

/// "[where] message", the form of every user error.
template <class Error = UserError>
[[noreturn]] void fail(const std::string& where, const std::string& message) {
  throw Error("[" + where + "] " + message);
}

}  // namespace fqgan

/// Checks an invariant of the program. For the user's input use `fail`.
#define FQGAN_CHECK(condition, message)                                                 \
  do {                                                                                  \
    if (!(condition)) ::fqgan::throw_internal(__FILE__, __LINE__, #condition, message); \
  } while (false)
