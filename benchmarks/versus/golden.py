#!/usr/bin/env python3
"""Checks the values that torch-fidelity publishes for CIFAR-10, with the official weights of Inception.

    python -m fqgan.pretrained inception weights-inception-2015-12-05-6726825d.pth --out inception.safetensors
    python benchmarks/versus/golden.py cifar-10-binary.tar.gz inception.safetensors [--metrics fid] [--device cuda]

Needs fqgan ($FQGAN_BUILD, else build/release), the binary version of CIFAR-10, and the weights, which no package
contains (docs/metrics.md). It has never run where this code was written, because they could not be had there.

FID: the first 5,000 training images against the first 5,000 test images, to 1e-4 as in torch-fidelity's own test. The
inception score of all 50,000 training images, to 1e-3: torch-fidelity publishes it for a GPU. Exit code 1 where a value
differs. On two threads, FID takes about ten minutes and the inception score an hour.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")) / "fqgan"
FIRST = ["--set", "data.limit=5000", "--set", "data.limit_by=order", "--set", "against.split=test"]
ONE_SIDE = ["--set", "against.limit=10"]  # the inception score is of the other side alone
# Options of fqgan evaluate, and {value: (published, largest difference)}.
PUBLISHED = {
    "fid": (FIRST, {"fid": (10.3233274, 1e-4)}),
    "is": (ONE_SIDE, {"inception_score": (11.23678, 1e-3), "inception_score_std": (0.09514061, 1e-3)}),
}


def measured(arguments, metric, options):
    command = [PROGRAM, "evaluate", arguments.cifar, "--against", arguments.cifar, "--metrics", metric, *options]
    command += ["--features", "inception", "--weights", arguments.weights, "--convention", "torch-fidelity"]
    command += ["--set", "data.split=train", "--device", arguments.device, "--json"]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return {name.split("/")[0]: value for name, value in json.loads(done.stdout)["metrics"].items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cifar", help="cifar-10-binary.tar.gz, or its folder")
    parser.add_argument("weights", help="inception.safetensors")
    parser.add_argument("--metrics", choices=[*PUBLISHED, "all"], default="all")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    wrong = 0
    for metric in PUBLISHED if arguments.metrics == "all" else [arguments.metrics]:
        options, published = PUBLISHED[metric]
        found = measured(arguments, metric, options)
        for name, (value, most) in published.items():
            differs = abs(found[name] - value) > most
            wrong += differs
            print(f"{name}: {found[name]:.7f}, published {value:.7f}: {'DIFFERS' if differs else 'equal'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
