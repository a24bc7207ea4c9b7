// A log of JSON objects, one per line: log.jsonl, metrics.jsonl.
#pragma once

#include "fqgan/run/append_file.h"

namespace fqgan {

class JsonLines {
 public:
  /// Opens for appending; an incomplete last line, left by a killed process, is cut off. Errors: UserError.
  explicit JsonLines(const std::filesystem::path& path);
  void append(std::string_view json_object);  // without line breaks. Errors: SystemError (disk full)
  int64_t flush();                            // fsync; the file's length in bytes

 private:
  AppendFile file_;
};

}  // namespace fqgan
