// Ctrl-C and SIGTERM: the first asks the loop to save and stop, a second Ctrl-C ends at once.
#pragma once

namespace fqgan {

void catch_signals();
/// The signal that came (SIGINT, SIGTERM), else 0.
int caught_signal();

}  // namespace fqgan
