#!/usr/bin/env bash
# Fuzzes the parsers (images, IDX, archives, JSON) with clang's libFuzzer and the sanitizers for addresses and undefined
# behaviour.
#   scripts/fuzz.sh [SECONDS]      seconds for each target; default: 60. Inputs that fail are saved in build/fuzz/found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/messages.sh
source scripts/messages.sh
seconds=${1:-60}
build=build/fuzz
packages=(clang libclang-rt-14-dev)
if ! command -v clang++ >/dev/null && [ "$(id -u)" = 0 ]; then
  step "installation of ${packages[*]}" "by hand: apt-get install ${packages[*]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${packages[@]}"
fi
command -v clang++ >/dev/null || fail "clang++ is missing. Hint: apt-get install ${packages[*]}"
torch=$(sed -n 's/^FQGAN_TORCH:[A-Z]*=//p' build/release/CMakeCache.txt) || fail "build first: scripts/setup.sh"

# LibTorch is not instrumented. Its containers would be reported as overflows when our code uses them.
export ASAN_OPTIONS=detect_container_overflow=0
# The vptr checks are off, because they need class information that LibTorch's objects lack.
step "configuration" "see CMake's error above" cmake -S . -B $build -G Ninja -DCMAKE_CXX_COMPILER=clang++ \
  -DFQGAN_TORCH="$torch" -DFQGAN_FUZZ=ON "-DFQGAN_SANITIZE=address,undefined" -DCMAKE_CXX_FLAGS=-fno-sanitize=vptr
step "build of the fuzzers" "see the compiler's error above" ninja -C $build fuzz_decode fuzz_open
mkdir -p $build/found
for target in fuzz_decode fuzz_open; do
  mkdir -p "$build/corpus-$target"
  say "$target for $seconds s"
  "$build/tests/$target" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2000 -timeout=20 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix=$build/found/ "$build/corpus-$target" 2>&1 |
    grep -E "stat::number|ERROR|SUMMARY|Test unit" ||
    fail "$target found something: see $build/found"
done
