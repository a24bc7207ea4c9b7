// The tables that each instruction set defines. A set that lacks one here takes another set's (instruction_set.cpp).
#pragma once

#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan::ops::kernels {

/// Any processor.
namespace plain {
extern const Screening screening;
extern const Loops loops;
extern const Peak peak;
}  // namespace plain

#if defined(__x86_64__)
/// AVX2 and FMA.
namespace avx2 {
extern const Screening screening;
extern const Loops loops;
extern const Peak peak;
extern const Winograd winograd;
extern const FewChannels few_channels;
}  // namespace avx2

/// AVX-512 F, BW, VL and DQ, in float32: Intel's servers since 2017.
namespace avx512 {
extern const Screening screening;
extern const Loops loops;
extern const Peak peak;
extern const Winograd winograd;
extern const FewChannels few_channels;
}  // namespace avx512

/// AVX-512 with products of bfloat16.
namespace avx512_bf16 {
extern const Screening screening;
extern const Peak peak;
extern const Winograd winograd;
extern const FewChannels few_channels;
}  // namespace avx512_bf16

/// Intel's matrix tiles, AMX-BF16.
namespace amx_bf16 {
extern const Screening screening;
}  // namespace amx_bf16
#endif

}  // namespace fqgan::ops::kernels
