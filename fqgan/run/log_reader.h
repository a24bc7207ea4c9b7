// Reads log.jsonl and metrics.jsonl, also while they are being written.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace fqgan {

/// One line. Nested keys are joined by dots ("taps.block2.perplexity", "losses.0"); true and false are 1 and 0; null is
/// NaN, because JSON has no values that are not finite.
struct LogRecord {
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> strings;
};

/// All lines in order. A missing file is an empty log. A last line without a line break is left out if it is incomplete
/// (being written, or left by a killed process). Errors: UserError with path and line number for any other line that is
/// not a JSON object.
std::vector<LogRecord> read_log(const std::filesystem::path& path);

}  // namespace fqgan
