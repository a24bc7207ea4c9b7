// The CPU kernels of all operators: one table of functions per subject, and the tables that belong to each instruction
// set. instruction_set.cpp chooses the set at run time.
// The files of a set are compiled with its flags. They use plain pointers and no library, and all that they define
// beside their tables has internal linkage: a function that the linker merged with another file's would crash an older
// processor.
#pragma once

#include "fqgan/ops/kernels/few_channels.h"
#include "fqgan/ops/kernels/loops.h"
#include "fqgan/ops/kernels/peak.h"
#include "fqgan/ops/kernels/screening.h"
#include "fqgan/ops/kernels/winograd.h"

namespace fqgan::ops::kernels {

struct InstructionSet {
  const char* name;
  const Screening& screening;
  const Loops& loops;
  const Peak& peak;
  // Null: oneDNN's convolutions are as fast or faster here.
  const Winograd *winograd_float32 = nullptr, *winograd_bfloat16 = nullptr;
  const FewChannels *few_channels_float32 = nullptr, *few_channels_bfloat16 = nullptr;
};

/// The set that runs: the best one that this processor has, or the one that $FQGAN_INSTRUCTION_SET names. Errors:
/// UserError when the processor lacks that one.
const InstructionSet& active();
/// For tests: this set from now on; null chooses again.
void use(const InstructionSet* set);
/// The n-th set that this processor has, best first; null after the last.
const InstructionSet* available(int n);

}  // namespace fqgan::ops::kernels
