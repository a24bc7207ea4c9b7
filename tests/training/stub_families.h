// Four families with toy networks but the whole shape of the real ones: phases, optimizers, streams, averages, state.
// They are the proof that the interfaces of models/family.h carry what the real families need.
#pragma once

#include <memory>

#include "fqgan/models/family.h"

namespace fqgan::test {

std::unique_ptr<Family> biggan_stub();           // D (several steps), G; quantizer at a tap; average of G
std::unique_ptr<Family> stylegan2_stub();        // Gmain, Greg, Dmain, Dreg on two optimizers; double backward
std::unique_ptr<Family> ugatit_stub();           // six networks, two optimizers, two shared streams, rho clipping
std::unique_ptr<Family> semi_supervised_stub();  // three streams, initialise pass, average of D

}  // namespace fqgan::test
