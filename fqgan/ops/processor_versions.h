// Compiles a function for several instruction sets, of which the loader chooses one when the program starts. Not under
// sanitizers, which are not ready at that time.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define FQGAN_PROCESSOR_VERSIONS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FQGAN_PROCESSOR_VERSIONS
#endif
