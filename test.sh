#!/usr/bin/env bash
# Sets up, builds and runs every test: layering, style, C++ (ctest), the program end to end, parity with other
# implementations, and the Python package (pytest).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/messages.sh
source scripts/messages.sh
# The threads of OpenMP spin while they wait for each other. On a busy machine this makes them twenty times slower, so
# they spin for a short time only. The program itself does the same (fqgan/main.cpp), but not the tests in C++ and
# Python.
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-10000}
build=build/release
# A cache of its own, because features and classifiers of tests must neither be found nor left in the user's.
export FQGAN_CACHE=$PWD/build/test-cache
results=build/test-results
summary=()
failed=()

usage() {
  cat <<'END'
usage: ./test.sh [--fast]
Installs what is missing, builds everything and runs all tests. Exit code 0: all passed.
  --fast               leave out the tests that are labelled slow
  FQGAN_TORCH=/path    test on this LibTorch (see docs/building.md)
END
}

ctest_filter=()
pytest_filter=()
case "$#-${1:-}" in
  0-) ;;
  1---fast) ctest_filter=(-LE slow) pytest_filter=(-m "not slow") ;;
  1--h | 1---help) usage && exit 0 ;;
  *) fail "expected at most one of --fast and --help, got '$*'" ;;
esac

# part NAME COMMAND...: runs the command and records its outcome, its seconds and the counts in its result files.
part() {
  local name=$1 start=$SECONDS outcome=passed counts
  shift
  say "$name"
  rm -rf "$results" && mkdir -p "$results"
  "$@" || outcome=FAILED
  [ $outcome = passed ] || failed+=("$name")
  counts=$(python3 scripts/count_tests.py "$results")
  summary+=("$(printf '%-8s %-7s %7s  %s' "$name" $outcome "$(minutes $((SECONDS - start)))" "$counts")")
}

check_layers() { python3 scripts/check_layers.py --self-test && python3 scripts/check_layers.py; }

# Each GoogleTest program writes a result file, so test cases are counted instead of programs.
run_ctest() {
  GTEST_OUTPUT="xml:$PWD/$results/" ctest --test-dir $build --output-on-failure --no-tests=error "${ctest_filter[@]}"
}

# run_pytest FOLDER: runs the Python tests of a folder with the program and the libraries of build/release.
run_pytest() {
  FQGAN_BUILD=$PWD/$build .venv/bin/python -m pytest -q -o markers="slow: minutes, not seconds" "${pytest_filter[@]}" \
    --junitxml="$results/pytest.xml" "$1"
}

scripts/setup.sh --tests
rm -rf "$FQGAN_CACHE"
part layers check_layers
part style python3 scripts/check_style.py
part C++ run_ctest
part program run_pytest tests/end_to_end
part parity run_pytest tests/parity
part python run_pytest tests/python

printf '\n'
printf '%s\n' "${summary[@]}"
if [ ${#failed[@]} -gt 0 ]; then fail "FAILED after $(minutes $SECONDS): ${failed[*]}"; fi
say "all passed in $(minutes $SECONDS)"
