// Four families with toy networks but the whole shape of the real ones: phases, optimizers, streams, averages, state,
// and everything that they offer to inference. They are the proof that the interfaces of models/family.h and
// models/inference.h carry what the real families need. Images are 8 x 8, gray.
#pragma once

#include <memory>

#include "fqgan/models/family.h"

namespace fqgan::test {

/// Adds "stub_least" (the template for a new family), "stub_biggan", "stub_stylegan2", "stub_ugatit" and
/// "stub_semi_supervised" to the table of families; once.
void add_stub_families();

// Each for a batch of 4, with the options' defaults and seed 11, in float32 on the CPU.

/// D (several steps), G; a quantizer at a tap; an average of G.
std::unique_ptr<Family> biggan_stub();
/// A mapping and noise; Gmain, Greg, Dmain, Dreg on two optimizers; double backward.
std::unique_ptr<Family> stylegan2_stub();
/// Six networks, two optimizers, two shared streams, rho clipping; translates.
std::unique_ptr<Family> ugatit_stub();
/// Three streams, data-dependent initialisation, an average of D; classifies.
std::unique_ptr<Family> semi_supervised_stub();

}  // namespace fqgan::test
