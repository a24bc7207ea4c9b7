// Ctrl-C and SIGTERM: the first one asks the loop to save and stop; a second Ctrl-C ends the program at once.
#pragma once

namespace fqgan {

void catch_signals();
/// The signal that arrived (SIGINT, SIGTERM), else 0.
int caught_signal();

}  // namespace fqgan
