// The program. The threads of OpenMP spin while they wait for each other; on a machine that also does other work, this
// makes a training up to thirty times slower. So they spin for a short time only, unless the user has said otherwise.
// libgomp reads its variables when it is loaded, and the environment of a running program cannot be changed before
// that. Therefore the program starts itself again with the variable, before any library is initialised.
//
// Freed memory stays with the program. Otherwise glibc returns tensors of more than 32 MiB to the system and asks for
// them anew in every iteration, and the system clears each page: a third of the time with large batches
// (docs/performance.md).
#include <malloc.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "fqgan/cli/program.h"

namespace {

char spin_count[] = "GOMP_SPINCOUNT=10000";  // a tenth of a millisecond, against minutes by default
char* environment[4096];                     // here nothing may be allocated yet

bool sets(const char* entry, const char* name) {
  const auto length = std::strlen(name);
  return std::strncmp(entry, name, length) == 0 && entry[length] == '=';
}

void limit_spinning(int, char** argv, char** given) {
  constexpr int most = sizeof environment / sizeof *environment - 2;
  int count = 0;
  for (; given[count]; ++count) {
    const bool decided = sets(given[count], "GOMP_SPINCOUNT") || sets(given[count], "OMP_WAIT_POLICY");
    if (decided || count == most) return;
    environment[count] = given[count];
  }
  if (getauxval(AT_BASE) == 0) return;  // "ld-linux.so fqgan ...": the system would start the loader alone
  environment[count] = spin_count;
  const auto* program = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  if (program) execve(program, argv, environment);  // returns only if it fails; then the threads spin
}

// The loader calls these functions before it initialises the libraries.
__attribute__((section(".preinit_array"), used)) void (*const at_start)(int, char**, char**) = limit_spinning;

void keep_freed_memory() {
#ifdef __GLIBC__
  for (const auto* name : {"MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"})
    if (std::getenv(name)) return;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  return fqgan::run_program(argc, argv);
}
