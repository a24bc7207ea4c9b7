// SIGINT (Ctrl-C), SIGTERM and SIGHUP (a closed terminal). They end a command at once, but its unfinished files are
// removed first. A training saves and stops instead.
#pragma once

namespace fqgan {

/// From now on, these signals remove the unfinished files (core/partial_file.h) and end the program. A signal that was
/// ignored when the program started (nohup) stays ignored. A file size limit gives an error, like a full disk.
void end_on_signals();

/// From now on, the first signal of each kind is only remembered, so that a training can save and stop. The second
/// SIGINT or SIGTERM ends the program at once; further SIGHUPs are ignored, because a closed terminal can send several.
/// A SIGHUP that was ignored when the program started stays ignored.
void catch_signals();
/// The first signal that was remembered, else 0.
int caught_signal();

}  // namespace fqgan
