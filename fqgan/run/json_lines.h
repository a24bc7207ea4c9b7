// A log of JSON objects, one per line: log.jsonl, metrics.jsonl.
#pragma once

#include "fqgan/run/append_file.h"

namespace fqgan {

/// Ends the last line of an existing file if its line break is missing: with a line break if the line is a complete
/// object (some editors drop the break), else by cutting the line off (a killed process left it). Errors: UserError.
void complete_last_line(const std::filesystem::path& path);

class JsonLines {
 public:
  /// Opens for appending, and completes the last line. Errors: UserError.
  explicit JsonLines(const std::filesystem::path& path);
  void append(std::string_view json_object);  // without line breaks. Errors: SystemError (disk full)
  int64_t flush();                            // fsync; the file's length in bytes

 private:
  AppendFile file_;
};

}  // namespace fqgan
