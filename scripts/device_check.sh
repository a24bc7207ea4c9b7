#!/usr/bin/env bash
# Checks fqgan on a GPU: builds if necessary, compares operators and iterations with the CPU, resumes to the bit, trains
# the quick start and measures. Each part has a time limit, and one that fails does not stop the others.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/messages.sh
source scripts/messages.sh

all="environment build operators iterations speed resume killed step quantizer quickstart"
usage() {
  cat <<END
usage: scripts/device_check.sh [--device cuda] [--build build/release] [--data FOLDER] [--out build/device]
           [--iterations 2000] [PART...]
Writes summary.txt and log.txt into the folder --out. --data: the folder of Fashion-MNIST's four IDX files.
Parts, in this order (all if none is named): $all
  environment  the GPU, its driver, the compiler, LibTorch
  build        fqgan and two test programs, if --build has no program yet
  operators    every operator against float64 on the CPU
  iterations   two iterations of several recipes and of all techniques against float64 on the CPU
  speed        images per second of the quick start in float32 (with and without TF32) and bfloat16
  resume       20 iterations twice, and once resumed after 10: are the checkpoints the same to the bit?
  killed       tests/end_to_end: a training that is killed at several moments
  step         seconds and memory per iteration of cifar10-fq (batch 64) and imagenet128-fq (batch 64)
  quantizer    benchmarks/versus/quantizer_device.py
  quickstart   the whole quick start with FID, then sample, score and evaluate on the device
END
}

device=cuda build=build/release data=/usr/share/datasets/fashion-mnist out=build/device iterations=2000 parts=""
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage && exit 0 ;;
    --device | --build | --data | --out | --iterations)
      [ $# -ge 2 ] || fail "expected a value after $1"
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    *)
      [[ " $all " == *" $1 "* ]] || fail "expected one of the parts ($all), got '$1'"
      parts+=" $1"
      ;;
  esac
  shift
done
mkdir -p "$out"
out=$(realpath "$out") build=$(realpath -m "$build")
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
export FQGAN_BUILD=$build FQGAN_TEST_DEVICE=$device FQGAN_OPS=$build/libfqgan_ops.so PYTHONPATH=$PWD/python
export GOMP_SPINCOUNT=10000 # with it the program starts once, not twice
fqgan=$build/fqgan
export device build data out iterations runs fqgan
failed=0

note() { echo "$*" | tee -a "$out/summary.txt"; }

# part NAME LIMIT: runs the function check_NAME for at most LIMIT seconds. What it prints goes into the log, and its
# lines that begin with "= " also into the summary.
part() {
  local name=$1 limit=$2 code=0 started=$SECONDS
  [ -z "$parts" ] || [[ "$parts " == *" $name "* ]] || return 0
  echo "==== $name" >>"$out/log.txt"
  timeout --kill-after=5 "$limit" bash -c "set -euo pipefail; check_$name" </dev/null >"$runs/output" 2>&1 || code=$?
  cat "$runs/output" >>"$out/log.txt"
  case $code in
    0) note "$name: passed in $((SECONDS - started)) s" ;;
    124 | 137) note "$name: stopped after $limit s" ;;
    *) note "$name: failed with exit code $code in $((SECONDS - started)) s" ;;
  esac
  sed -n 's/^= /    /p' "$runs/output" | tee -a "$out/summary.txt"
  [ $code = 0 ] && return 0
  failed=1
  tail -n 25 "$runs/output"
}

check_environment() {
  nvidia-smi || true
  nvcc --version || true
  python3 -c 'import torch; print("= torch", torch.__version__)' || true
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | sed 's/^/= /' || true
  echo "= $(nproc) processors, $(sed -n '/^model name/{s/.*: //p;q}' /proc/cpuinfo), $(ldd --version | head -n 1)"
}

check_build() {
  if [ ! -x "$fqgan" ]; then
    cmake -S . -B "$build" -G Ninja
    cmake --build "$build" --target fqgan fqgan_ops_tests fqgan_experiment_tests
  fi
  "$fqgan" --version | sed 's/^/= /'
}

# tests PROGRAM: its tests that compare the device with the CPU
tests() { "$build/tests/$1" --gtest_filter='*OnDevice*' | sed 's/^\[ *\(PASSED\|FAILED\) *\]/= &/'; }

check_operators() { tests fqgan_ops_tests; }

check_iterations() { tests fqgan_experiment_tests; }

# train FOLDER ARGUMENT...: the quick start on the device
train() {
  local folder=$1
  shift
  "$fqgan" train recipes/quickstart.toml --data "$data" --out "$folder" --set "device=$device" "$@"
}

check_speed() {
  for precision in float32 bfloat16 float32-without-tf32; do
    [[ $precision != *tf32 ]] || export NVIDIA_TF32_OVERRIDE=0
    train "$runs/speed-$precision" --set "precision=${precision%%-*}" --set training.iterations=200 \
      --set training.log_every=50 --set training.sample_every=0 --set training.checkpoint_every=0 \
      --set evaluation.every=0
    python3 - "$runs/speed-$precision/log.jsonl" "$precision" <<'END'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
rates = [round(line["images_per_second"]) for line in lines]
print("= quickstart in", sys.argv[2], rates, "images/s, each over 50 iterations")
END
  done
}

check_resume() {
  for precision in float32 bfloat16; do
    local run=$runs/resume-$precision
    for copy in first again; do
      train "$run-$copy" --set "precision=$precision" --set training.iterations=20 --set training.checkpoint_every=10 \
        --set training.log_every=5 --set training.sample_every=0 --set evaluation.every=0
    done
    cp -r "$run-first" "$run-resumed"
    rm "$run-resumed"/checkpoints/step-*20.safetensors
    "$fqgan" train --resume "$run-resumed"
    python3 - "$precision" "$run-first" "$run-again" "$run-resumed" <<'END'
import pathlib, sys
from safetensors.torch import load_file
precision, *runs = sys.argv[1:]
paths = [next(pathlib.Path(run, "checkpoints").glob("step-*20.safetensors")) for run in runs]
first, again, resumed = map(load_file, paths)
for name, other in (("a second run", again), ("a resumed run", resumed)):
    different = [key for key in first if not first[key].equal(other[key])]
    print(f"= {precision}, {name}: {len(different)} of {len(first)} tensors differ", *different[:3])
END
  done
}

check_killed() { python3 -m pytest -q tests/end_to_end/test_resume.py -k killed_at_several_moments; }

check_step() {
  for recipe in cifar10-fq imagenet128-fq; do
    for precision in float32 bfloat16; do
      "$fqgan" profile "recipes/biggan/$recipe.toml" --steps-only --iterations 10 --warmup 3 --json \
        --set "device=$device" --set "precision=$precision" --set model.batch=64 | tee "$runs/step.json"
      python3 - "$runs/step.json" "$recipe in $precision" <<'END'
import json, statistics, sys
step = json.load(open(sys.argv[1]))
seconds, estimated = statistics.median(step["seconds"]), step["estimated_seconds"]
memory, counted = step["peak_memory_mib"], step["estimated_memory_mib"]
print(f"= {sys.argv[2]}: {seconds:.4f} s, estimated {estimated:.4f} s; {memory:.0f} MiB, estimated {counted:.0f} MiB")
END
    done
  done
}

check_quantizer() {
  python3 benchmarks/versus/quantizer_device.py --device "$device" --json "$out/quantizer.json" | sed 's/^/= /'
}

check_quickstart() {
  local run=$runs/quickstart started=$SECONDS
  train "$run" --set precision=bfloat16 --set "training.iterations=$iterations"
  echo "= the quick start in bfloat16: $((SECONDS - started)) s"
  python3 - "$run/metrics.jsonl" <<'END'
import json, sys
for line in map(json.loads, open(sys.argv[1])):
    values = {name.split("/")[0]: round(value, 4) for name, value in line["metrics"].items() if name.count("/") < 2}
    print("= iteration", line["step"], "after", round(line["seconds"], 1), "s:", values)
END
  cp "$run/metrics.jsonl" "$out/quickstart.jsonl"
  "$fqgan" sample "$run" --out "$out/quickstart.png" --force --device "$device"
  "$fqgan" score "$run" "$data" --device "$device" | tail -n 3 | sed 's/^/= /'
  for where in "$device" cpu; do
    "$fqgan" evaluate "$run" --count 2000 --device "$where" | sed "/^[^ ]*\/[^ ]*\//!s/^/= on $where: /"
  done
}

export -f tests train check_environment check_build check_operators check_iterations check_speed check_resume
export -f check_killed check_step check_quantizer check_quickstart
part environment 40
part build 1800
part operators 120
part iterations 180
part speed 90
part resume 120
part killed 120
part step 120
part quantizer 240
part quickstart 300
exit $failed
