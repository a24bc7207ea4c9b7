// Which instruction set's kernels run.
#include <stdlib.h>

#include <atomic>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "fqgan/core/error.h"
#include "fqgan/ops/kernels/kernels.h"

namespace fqgan::ops::kernels {
namespace {

#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bf16");
}

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
      has_avx512() && processor_has_amx() && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return value;
#else
  return false;
#endif
}
#endif

struct Entry {
  const Kernels* kernels;
  bool (*supported)();
};

const Entry best_first[] = {
#if defined(__x86_64__)
    {&amx_kernels, has_amx},
    {&avx512_kernels, has_avx512},
    {&avx2_kernels, has_avx2},
#endif
    {&plain_kernels, [] { return true; }}};

std::atomic<const Kernels*> chosen{nullptr};

const Kernels* choose() {
  const char* wanted = getenv("FQGAN_INSTRUCTION_SET");
  if (!wanted || !*wanted) return available(0);
  std::string names;
  for (int n = 0; const auto* kernels = available(n); ++n) {
    if (kernels->name == std::string(wanted)) return kernels;
    names += (n ? ", " : "") + std::string(kernels->name);
  }
  fail("FQGAN_INSTRUCTION_SET",
       "expected one that this processor has (" + names + "), got '" + wanted + "'. Hint: unset it");
}

}  // namespace

const Kernels* available(int n) {
  for (const auto& entry : best_first)
    if (entry.supported() && n-- == 0) return entry.kernels;
  return nullptr;
}

void use(const Kernels* kernels) { chosen = kernels; }

const Kernels& active() {
  if (!chosen.load()) chosen = choose();
  return *chosen.load();
}

}  // namespace fqgan::ops::kernels
