#!/usr/bin/env python3
"""Minibatch discrimination, forward and backward, against its formula in PyTorch, side by side: the operator alone,
from projected examples, and with its projection.

    python benchmarks/versus/minibatch.py [--rounds 5] [--threads 2] [--json FILE] [--no-compile]

The formula broadcasts: N x N x B x C differences, as nn.py of openai/improved-gan writes it; eager, and compiled
(torch.compile, default settings). Two sizes: N 128, B 100, C 5 from 192 features (the released CIFAR-10 network's), and
N 256, B 300, C 50 from 1024. Ours runs in float32 and with bfloat16 products.

1. Our outputs and gradients are compared with the formula's in float64 first: at most three times as far from it as
   the formula itself in float32 (where two examples nearly tie, rounding turns a gradient's sign).
2. The sides take turns, round by round, after two rounds that are not counted.
3. Shown: milliseconds (median, quartiles), and how many times as fast as each of the others (median of the rounds).
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("FQGAN_OPS", str(ROOT / "build/release/libfqgan_ops.so"))
sys.path.insert(0, str(ROOT / "python"))

import fqgan  # noqa: E402,F401
import torch  # noqa: E402

SIZES = {"small": (128, 100, 5, 192), "large": (256, 300, 50, 1024)}
ALLOWED = 3  # times the distance of the formula itself in float32


def formula(m):
    distance = (m.unsqueeze(0) - m.unsqueeze(1)).abs().sum(3)
    return torch.exp(-distance - 1e6 * torch.eye(len(m), dtype=m.dtype).unsqueeze(2)).sum(1)


def ours(m):
    return torch.ops.fqgan.minibatch_discrimination(m)


def projected(operator, x, weight):
    return operator((x @ weight.flatten(1)).view(len(x), *weight.shape[1:]))


def formula_projected(x, weight):
    return projected(formula, x, weight)


def ours_projected(x, weight):
    return projected(ours, x, weight)


def ours_bfloat16(x, weight):
    return projected(ours, x.bfloat16(), weight.bfloat16()).float()


PARTS = {
    "operator alone": ({"ours float32": ours}, formula),
    "with projection": ({"ours float32": ours_projected, "ours bfloat16 products": ours_bfloat16}, formula_projected),
}


def inputs(size, part, dtype=torch.float32):
    """(x, weight) or (m,), as leaves; and what the outputs are multiplied with before they are summed."""
    n, kernels, dims, features = size
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, features, generator=generator).relu().to(dtype)
    weight = torch.randn(features, kernels, dims, generator=generator)
    weight = (weight / weight.square().sum(0).sqrt()).to(dtype) / dims
    projection = torch.randn(n, kernels, generator=generator).to(dtype)
    leaves = (x, weight)
    if part == "operator alone":  # the same examples for all types: those of float32
        leaves = (projected(lambda m: m, x.float(), weight.float()).to(dtype),)
    return [leaf.requires_grad_() for leaf in leaves], projection


def step(function, leaves, projection):
    o = function(*leaves)
    return o, *torch.autograd.grad((o * projection).sum(), leaves)


def check(size, part):
    """The large one on its first 32 examples: in float64 the formula would take 10 GB."""
    sides, reference = PARTS[part]
    size = (min(size[0], 32), *size[1:])
    expected = step(reference, *inputs(size, part, torch.float64))

    def distance(function):
        found = step(function, *inputs(size, part))
        return max(((a.double() - b).norm() / b.norm()).item() for a, b in zip(found, expected))

    ours_is, formula_is = distance(sides["ours float32"]), distance(reference)
    print(f"  relative distance from float64 {ours_is:.1e}, the formula's own in float32 {formula_is:.1e}")
    if ours_is > ALLOWED * formula_is:
        sys.exit("the results differ: nothing is timed")


def compare(name, part, arguments):
    size = SIZES[name]
    print(f"{name}, {part}")
    check(size, part)
    sides, reference = PARTS[part]
    sides = {**sides, "formula": reference}
    if not arguments.no_compile:
        torch._dynamo.reset()
        sides["formula compiled"] = torch.compile(reference, dynamic=False)
    data = inputs(size, part)
    seconds = {side: [] for side in sides}
    for turn in range(arguments.rounds + 2):
        for side, function in sides.items():
            started = time.perf_counter()
            step(function, *data)
            if turn >= 2:
                seconds[side].append(time.perf_counter() - started)
    return reported(seconds)


def reported(seconds):
    report = {}
    for side, values in seconds.items():
        low, median, high = statistics.quantiles(values, n=4)
        ratio = statistics.median(b / a for a, b in zip(seconds["ours float32"], values))
        report[side] = {"milliseconds": median * 1e3, "quartiles": [low * 1e3, high * 1e3], "over_ours": ratio}
        print(
            f"  {side:24s} {median * 1e3:9.2f} ms ({low * 1e3:.2f} to {high * 1e3:.2f})   {ratio:6.2f} x ours float32"
        )
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    report = {name: {part: compare(name, part, arguments) for part in PARTS} for name in SIZES}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
