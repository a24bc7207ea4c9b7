// Standard input, output and error: the results of a command go to standard output through print(), log lines go to
// standard error through core/log.h.
#pragma once

#include <string_view>

#include "fqgan/core/error.h"

namespace fqgan {

/// The reader of standard output is gone (`fqgan options biggan | head`): the program ends without a message.
struct ReaderGone : SystemError {
  using SystemError::SystemError;
};

/// Call once, before any file is opened. Opens those of the descriptors 0 to 2 that are closed on /dev/null, so that no
/// log line is written into a file that happened to get the number 2. Ignores SIGPIPE, so that a closed pipe is an
/// error of a write and never kills a training.
void open_standard_streams();

/// Writes all of `text` to standard output, without a buffer. Errors: SystemError if it cannot be written, also if
/// standard output was closed at the start; ReaderGone for a closed pipe.
void print(std::string_view text);

}  // namespace fqgan
