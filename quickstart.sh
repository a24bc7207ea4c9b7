#!/usr/bin/env bash
# From a fresh clone to generated images: installs what is missing, builds fqgan, trains it on Fashion-MNIST and draws
# images.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/messages.sh
source scripts/messages.sh
fqgan=build/release/fqgan
recipe=recipes/quickstart.toml

usage() {
  cat <<'END'
usage: ./quickstart.sh [--build-only]
Installs what is missing (Debian packages, LibTorch) and builds build/release/fqgan. Then trains
recipes/quickstart.toml on Fashion-MNIST into runs/quickstart (two to four minutes on two cores) and draws images.
A second start continues a run that was interrupted. If there is none, it trains into runs/quickstart-2 and so on.
  --build-only         stop before the training
  FQGAN_TORCH=/path    build on this LibTorch; without it, on the torch of python3 or on torch 2.13 in .venv
                       (see docs/building.md)
END
}

build_only=false
case "$#-${1:-}" in
  0-) ;;
  1---build-only) build_only=true ;;
  1--h | 1---help) usage && exit 0 ;;
  *) fail "expected at most one of --build-only and --help, got '$*'" ;;
esac

# A run is unfinished until it has a checkpoint of the last iteration of its recipe.
is_unfinished() {
  local newest last
  [ -f "$1/recipe.toml" ] || return 1
  newest=$(find "$1" -name 'step-*.safetensors' | sort | tail -n 1 | sed 's/.*step-0*//; s/[.].*//')
  last=$(sed -n '/^\[training\]/,/^\[/ s/^iterations = //p' "$1/recipe.toml")
  [ "${newest:-0}" -lt "${last:-0}" ]
}

train() {
  local number=1 code=0
  run=runs/quickstart
  while [ -e "$run" ] && ! is_unfinished "$run"; do
    number=$((number + 1))
    run=runs/quickstart-$number
  done
  if [ -e "$run" ]; then
    say "continuing $run"
    $fqgan train --resume "$run" || code=$?
  else
    say "training into $run (two to four minutes on two cores; Ctrl-C saves and stops)"
    $fqgan train $recipe --out "$run" || code=$?
  fi
  case $code in
    0) ;;
    129 | 130 | 143) say "stopped; ./quickstart.sh continues from there" && exit $code ;;
    *) say "training failed with exit code $code" >&2 && exit $code ;;
  esac
}

scripts/setup.sh fqgan
if $build_only; then
  say "built $fqgan. Next: ./quickstart.sh, or $fqgan --help"
  exit 0
fi
train
$fqgan sample "$run" --out "$run/grid.png" --force
cat <<END

The run:         $run
The images:      $run/grid.png
Next, for example:
  $fqgan inspect $run
  $fqgan sample $run --count 100 --seed 7 --out $run/images --force
  $fqgan train $recipe --set training.iterations=8000 --out runs/longer
  $fqgan options biggan
END
