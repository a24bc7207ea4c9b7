#!/usr/bin/env python3
"""Our metrics against other implementations, side by side in one run on equal features.

    python benchmarks/versus/metrics.py [--threads 2] [--rounds 3] [--dimension 2048] [--images 10000] [--json FILE]

Needs fqgan_metrics_dump ($FQGAN_BUILD/tests, else build/release/tests), and `pip install "scipy<1.18" scikit-learn` and
`pip install --no-deps pytorch-fid prdc`.

1. Frechet distance of two full covariances: our trace term against scipy.linalg.sqrtm, and our whole distance against
   pytorch-fid's calculate_frechet_distance.
2. Precision, recall, density and coverage: ours against the published code (the package prdc: scikit-learn's pairwise
   distances and NumPy's partition), with the most memory that each needs beside the features.

Results are checked before times are shown: traces and distances to 1e-6 relative, fractions to 1e-3 (the published code
works with distances in float32; ours are exact). All take turns, round by round, each in a process of its own that
reports the seconds of the metric alone. Shown: medians, and theirs over ours. Exit code 1 where a must is missed: the
trace term 8 times as fast, the neighbours 5 times with a tenth of the memory. The musts are of 2,048 features, 10,000
images and 2 threads; other sizes are not checked.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types
import warnings

import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
DUMP = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")) / "tests" / "fqgan_metrics_dump"
NEIGHBOURS = 5
REQUIRED_SIZES = {"dimension": 2048, "images": 10000, "threads": 2}
MUSTS = {"trace term": {"seconds": 8}, "PRDC": {"seconds": 5, "bytes": 10}}  # theirs over ours, at least


# ---- the others, each in a process of its own ----


def scipy_trace(given):
    from scipy import linalg

    root = linalg.sqrtm(given["covariance_a"] @ given["covariance_b"])
    return {"value": float(np.trace(root).real)}


def pytorch_fid_distance(given):
    def empty_module(name, **names):  # pytorch-fid imports torchvision for images, which it is not given here
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(names)
        return sys.modules[name]

    blocks = {name: object for name in ("InceptionA", "InceptionC", "InceptionE")}
    models = empty_module("torchvision.models", inception=empty_module("torchvision.models.inception", **blocks))
    empty_module("torchvision", transforms=empty_module("torchvision.transforms"), models=models)
    from pytorch_fid.fid_score import calculate_frechet_distance

    start = time.perf_counter()
    statistics_of_both = (given[name] for name in ("mean_a", "covariance_a", "mean_b", "covariance_b"))
    return {"value": float(calculate_frechet_distance(*statistics_of_both)), "seconds": time.perf_counter() - start}


def published_prdc(given):
    from prdc import compute_prdc

    memory_before = memory("VmRSS")
    start_peak_anew()
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(real_features=given["a"], fake_features=given["b"], nearest_k=NEIGHBOURS)
    seconds = time.perf_counter() - start
    fractions = {name: float(value) for name, value in found.items()}
    return {**fractions, "seconds": seconds, "bytes_before": memory_before, "peak_bytes": memory("VmHWM")}


OTHERS = {"scipy sqrtm": scipy_trace, "pytorch-fid": pytorch_fid_distance, "prdc": published_prdc}


def memory(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def start_peak_anew():
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def run_worker(name, path):
    warnings.simplefilter("ignore")
    given = load_file(path)
    start = time.perf_counter()
    result = OTHERS[name](given)
    print(json.dumps({"seconds": time.perf_counter() - start, **result}))


# ---- inputs, and one run of one implementation ----


def features(images, dimension, seed):
    """Correlated, of unequal spread and not negative, like Inception's; float32."""
    random, common = np.random.default_rng(seed), np.random.default_rng(0)
    mixed = random.normal(size=(images, 64)).astype(np.float32) @ common.normal(size=(64, dimension)).astype(np.float32)
    own = random.normal(size=(images, dimension)).astype(np.float32) * np.linspace(0.1, 1, dimension, dtype=np.float32)
    return np.maximum(0, 0.1 * mixed + own + np.float32(0.2 + 0.02 * seed))


def make_statistics(path, dimension):
    given = {}
    for name, seed in (("a", 1), ("b", 2)):
        x = features(2 * dimension, dimension, seed).astype(np.float64)
        given["mean_" + name], given["covariance_" + name] = x.mean(0), np.cov(x, rowvar=False)
    save_file(given, path)


def make_features(path, images, dimension):
    save_file({"a": features(images, dimension, 1), "b": features(images, dimension, 2)}, path)


def run(command, threads):
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # not MKL_NUM_THREADS: it slows LAPACK down by half
    environment = {**os.environ, **{name: str(threads) for name in limits}}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr}")
    return json.loads(done.stdout)


def compare(title, path, ours, other, arguments, names, tolerance, absolute):
    """Turns of both; a row of the table."""
    our_command = [DUMP, path, *ours, f"threads={arguments.threads}"]
    other_command = [sys.executable, __file__, "--worker", other, path]
    runs = {"ours": [], "theirs": []}
    for _ in range(arguments.rounds):
        runs["ours"].append(run(our_command, arguments.threads))
        runs["theirs"].append(run(other_command, arguments.threads))
    for name in names:
        mine, their = runs["ours"][0][name], runs["theirs"][0][name]
        if abs(mine - their) > tolerance * (1 if absolute else abs(their)):
            sys.exit(f"{title}: {name} is {mine} for us and {their} for {other}")
    row = {"case": title, "other": other, "metrics": {name: runs["ours"][0][name] for name in names}}
    for side, results in runs.items():
        row[side] = {"seconds": statistics.median(result["seconds"] for result in results)}
        if "peak_bytes" in runs["theirs"][0]:
            row[side]["bytes"] = max(result["peak_bytes"] - result["bytes_before"] for result in results)
    return row


def table(rows):
    print(f"{'case':34} {'against':12} {'ours':>9} {'theirs':>9} {'ratio':>7} {'memory: ours':>13} {'theirs':>9}")
    for row in rows:
        mine, their = row["ours"], row["theirs"]
        line = f"{row['case']:34} {row['other']:12} {mine['seconds']:8.2f}s {their['seconds']:8.2f}s"
        line += f" {their['seconds'] / mine['seconds']:6.1f}x"
        if "bytes" in mine:
            line += f" {mine['bytes'] / 2**20:9.0f} MiB {their['bytes'] / 2**20:5.0f} MiB"
        print(line)


def missed(rows):
    """A line for each must that is not reached."""
    for row in rows:
        for measure, must in MUSTS.get(row["case"].split(",")[0], {}).items():
            ratio = row["theirs"][measure] / max(row["ours"][measure], 1e-9)
            if ratio < must:
                yield f"MISSED: {row['case']}: {ratio:.1f} times fewer {measure} than {row['other']}, must {must}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dimension", type=int, default=2048)
    parser.add_argument("--images", type=int, default=10000, help="on each side, for the neighbours")
    parser.add_argument("--json", help="write the results to this file too")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        run_worker(*arguments.worker)
        return
    size = arguments.dimension
    fractions = ("precision", "recall", "density", "coverage")
    neighbours = ["neighbours", f"neighbours={NEIGHBOURS}", "strict=true"]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "in.safetensors"
        make_statistics(path, size)
        rows = [
            compare(f"trace term, D = {size}", path, ["trace"], "scipy sqrtm", arguments, ["value"], 1e-6, False),
            compare(f"Frechet distance, D = {size}", path, ["fid"], "pytorch-fid", arguments, ["value"], 1e-6, False),
        ]
        make_features(path, arguments.images, size)
        title = f"PRDC, {arguments.images} each, D = {size}"
        rows.append(compare(title, path, neighbours, "prdc", arguments, fractions, 1e-3, True))
    table(rows)
    if arguments.json:
        setting = {"threads": arguments.threads, "rounds": arguments.rounds}
        pathlib.Path(arguments.json).write_text(json.dumps({**setting, "rows": rows}, indent=1))
    if any(getattr(arguments, name) != value for name, value in REQUIRED_SIZES.items()):
        print("ratios not checked: they are required for other sizes only")
    elif lines := list(missed(rows)):
        sys.exit("\n".join(lines))


if __name__ == "__main__":
    main()
