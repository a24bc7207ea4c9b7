// The instruction sets, each with its tables, and which of them this processor has.
#include <stdlib.h>

#include <atomic>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "fqgan/core/error.h"
#include "fqgan/ops/kernels/tables.h"

namespace fqgan::ops::kernels {
namespace {

#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool has_avx512_bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

/// Asked of the processor itself: not every compiler's __builtin_cpu_supports knows the names.
bool processor_has_amx() {
  constexpr unsigned features = 7, bfloat16 = 1u << 22, tiles = 1u << 24;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(features, 0, &eax, &ebx, &ecx, &edx) && (edx & bfloat16) && (edx & tiles);
}

/// Linux gives a process the tiles' registers on request only.
bool has_amx() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;
  static const bool value =
      has_avx512_bf16() && processor_has_amx() && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return value;
#else
  return false;
#endif
}
#endif

struct Entry {
  InstructionSet set;
  bool (*supported)();
};

constexpr Entry best_first[] = {
#if defined(__x86_64__)
    {{.name = "amx_bf16",
      .screening = amx_bf16::screening,
      .loops = avx512::loops,
      .peak = avx512::peak,
      .winograd_float32 = &avx512::winograd,
      .few_channels_float32 = &avx512::few_channels,
      .few_channels_bfloat16 = &avx512_bf16::few_channels},
     has_amx},
    {{.name = "avx512_bf16",
      .screening = avx512_bf16::screening,
      .loops = avx512::loops,
      .peak = avx512_bf16::peak,
      .winograd_float32 = &avx512::winograd,
      .winograd_bfloat16 = &avx512_bf16::winograd,
      .few_channels_float32 = &avx512::few_channels,
      .few_channels_bfloat16 = &avx512_bf16::few_channels},
     has_avx512_bf16},
    {{.name = "avx512",
      .screening = avx512::screening,
      .loops = avx512::loops,
      .peak = avx512::peak,
      .winograd_float32 = &avx512::winograd,
      .few_channels_float32 = &avx512::few_channels},
     has_avx512},
    {{.name = "avx2",
      .screening = avx2::screening,
      .loops = avx2::loops,
      .peak = avx2::peak,
      .winograd_float32 = &avx2::winograd,
      .few_channels_float32 = &avx2::few_channels},
     has_avx2},
#endif
    {{.name = "plain", .screening = plain::screening, .loops = plain::loops, .peak = plain::peak},
     [] { return true; }}};

std::atomic<const InstructionSet*> chosen{nullptr};

const InstructionSet* choose() {
  const char* wanted = getenv("FQGAN_INSTRUCTION_SET");
  if (!wanted || !*wanted) return available(0);
  std::string names;
  for (int n = 0; const auto* set = available(n); ++n) {
    if (set->name == std::string(wanted)) return set;
    names += (n ? ", " : "") + std::string(set->name);
  }
  fail("FQGAN_INSTRUCTION_SET",
       "expected one that this processor has (" + names + "), got '" + wanted + "'. Hint: unset it");
}

}  // namespace

const InstructionSet* available(int n) {
  for (const auto& entry : best_first)
    if (entry.supported() && n-- == 0) return &entry.set;
  return nullptr;
}

void use(const InstructionSet* set) { chosen = set; }

const InstructionSet& active() {
  if (!chosen.load()) chosen = choose();
  return *chosen.load();
}

}  // namespace fqgan::ops::kernels
