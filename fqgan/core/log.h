// The log: lines on standard error, so that standard output holds one document with `--json`. Control characters are
// written as escapes, so that a name with a line break does not end its line.
#pragma once

#include <string>

namespace fqgan {

enum class LogLevel { quiet, normal, verbose };
void set_log_level(LogLevel level);

void log_info(const std::string& line);       // shown unless quiet
void log_info_once(const std::string& line);  // the same, unless this process has logged this line before
void log_detail(const std::string& line);     // shown when verbose
void log_warning(const std::string& line);    // "warning: ..." always shown
void log_error(const std::string& line);      // "error: ..." always shown

/// A status line that is redrawn in place (a progress bar), on terminals only. Other log lines clear it first; an empty
/// line clears it too. Not shown when quiet. All functions may be called from several threads.
void log_status(const std::string& line);
bool log_is_terminal();
bool log_is_verbose();  // whether log_detail shows anything

}  // namespace fqgan
