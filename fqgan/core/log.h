// The log: plain lines on standard error, so that `--json` on standard output stays one document.
#pragma once

#include <string>

namespace fqgan {

enum class LogLevel { quiet, normal, verbose };
void set_log_level(LogLevel level);

void log_info(const std::string& line);     // shown unless quiet
void log_detail(const std::string& line);   // shown when verbose
void log_warning(const std::string& line);  // "warning: ..." always shown
void log_error(const std::string& line);    // "error: ..." always shown

/// A line that is redrawn in place on a terminal (a progress bar); nothing elsewhere. Other log lines first clear it;
/// an empty line clears it too. Not shown when quiet. Everything here may be called from several threads.
void log_status(const std::string& line);
bool log_is_terminal();

}  // namespace fqgan
