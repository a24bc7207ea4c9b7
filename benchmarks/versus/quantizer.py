#!/usr/bin/env python3
"""The feature quantizer against other implementations, side by side in one run: forward + backward + update.

    FQGAN_OPS=build/release/libfqgan_ops.so PYTHONPATH=python FQGAN_REFERENCE=<checkout of YangNaruto/FQ-GAN> \\
        python benchmarks/versus/quantizer.py [--threads 2] [--rounds 15] [--json FILE] [--cases 0,1,2]

Against: the reference layer (FQ-BigGAN/vq_layer.py, float32 and bfloat16 autocast; needs FQGAN_REFERENCE), and
vector-quantize-pytorch (straight through; eager and compiled; needs `pip install vector-quantize-pytorch`).

1. Results are checked before anything is timed: our codes must be those of a float64 search, loss, gradient and
   dictionary those of the formulas, and the reference's float32 gradient the same. The fraction of wrong codes is shown
   for all. Our extra memory (3.) must be at most 16 MiB. Whatever fails ends the run with a message.
2. All variants take turns, round by round, from one state and on the same batches of normal features, each step with
   gradients for output and loss. Shown: median, quartiles, and the reference's float32 median over it.
3. Memory: in a process of its own, the highest resident size of a step less that before it, less the output and the
   gradients of output and input; forward and backward apart. ("loss only" has no output that could hide anything.)
   Compiled variants are warmed up at full size before, the others on a small batch.
"""

import argparse
import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import warnings

import torch

import fqgan

CASES = [(128, 16, 16, 256, 1024), (128, 8, 8, 256, 1024), (64, 16, 16, 512, 64)]  # N, H, W, D, K
DECAY, BATCHES = 0.8, 3
MOST_EXTRA_MIB = 16


class Downstream(torch.autograd.Function):
    """The rest of a network, as far as memory goes: its gradient is made when it is needed, and nobody keeps it."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient.clone()


class Variant:
    """A layer under a name, with how to call it. `layer` maps features to (output, loss, codes or None)."""

    def __init__(self, name, dtype, make, call, *, autocast=False, channels_last=False, compiled=False, ours=False):
        self.name, self.dtype, self.make, self.call = name, dtype, make, call
        self.autocast, self.channels_last, self.compiled, self.ours = autocast, channels_last, compiled, ours

    def prepare(self, d, k):
        layer = self.make(d, k).train()
        self.state = layer
        self.layer = torch.compile(layer) if self.compiled else layer

    def batch(self, n, d, h, w, seed):
        x = torch.randn(n, d, h, w, generator=torch.Generator().manual_seed(seed)).to(self.dtype)
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x

    def forward(self, x):
        context = torch.autocast("cpu", torch.bfloat16) if self.autocast else contextlib.nullcontext()
        with context:
            return self.call(self.layer(x))

    def backward(self, output, loss, gradient):
        weight = torch.full_like(loss, 1 / max(1, loss.numel()))
        torch.autograd.backward([output, loss], [gradient.to(output.dtype), weight])

    def step(self, x, gradient):
        output, loss = self.forward(x)
        self.backward(output, loss, gradient)
        return output, loss


def start(d, k):
    return torch.randn(k, d, generator=torch.Generator().manual_seed(k))


def our_layer(mode):
    def make(d, k):
        layer = fqgan.FeatureQuantizer(d, k, DECAY, mode=mode)
        layer.load_state_dict({"codebook": start(d, k), "codebook_sum": start(d, k), "cluster_size": torch.zeros(k)})
        return layer

    return make


def reference_module():
    """None without FQGAN_REFERENCE."""
    folder = os.environ.get("FQGAN_REFERENCE")
    if not folder:
        return None
    path = pathlib.Path(folder) / "FQ-BigGAN" / "vq_layer.py"
    spec = importlib.util.spec_from_file_location("vq_layer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reference_maker(module):
    def make(d, k):
        layer = module.Quantize(d, k, decay=DECAY)
        embed = start(d, k).t().contiguous()
        layer.load_state_dict({"embed": embed, "embed_avg": embed.clone(), "cluster_size": torch.zeros(k)})
        return layer

    return make


def lucidrains_maker(d, k):
    from vector_quantize_pytorch import VectorQuantize

    layer = VectorQuantize(d, k, decay=DECAY, accept_image_fmap=True, rotation_trick=False)
    embed = start(d, k).unsqueeze(0)
    state = {"initted": torch.tensor(True), "cluster_size": torch.zeros(1, k), "embed_avg": embed, "embed": embed}
    layer.load_state_dict({"_codebook." + name: value for name, value in state.items()})
    return layer


def all_variants():
    """Ours first; what is not installed is named and left out."""

    def two(result):
        return result[0], result[1]

    def first_and_last(result):
        return result[0], result[2]

    f32, bf16 = torch.float32, torch.bfloat16
    through, loss_only = our_layer("straight_through"), our_layer("loss_only")
    variants = [
        Variant("ours float32", f32, through, two, ours=True),
        Variant("ours float32 channels_last", f32, through, two, channels_last=True, ours=True),
        Variant("ours bfloat16", bf16, through, two, ours=True),
        Variant("ours bfloat16 channels_last", bf16, through, two, channels_last=True, ours=True),
        Variant("ours float32, loss only", f32, loss_only, two, ours=True),
        Variant("ours bfloat16, loss only", bf16, loss_only, two, ours=True),
    ]
    module = reference_module()
    if module:
        make = reference_maker(module)
        variants += [
            Variant("reference float32", f32, make, two),
            Variant("reference bfloat16 autocast", bf16, make, two, autocast=True),
        ]
    else:
        print("without the reference layer: set FQGAN_REFERENCE to a checkout of YangNaruto/FQ-GAN")
    if importlib.util.find_spec("vector_quantize_pytorch"):
        variants += [
            Variant("vector-quantize-pytorch", f32, lucidrains_maker, first_and_last),
            Variant("vector-quantize-pytorch compiled", f32, lucidrains_maker, first_and_last, compiled=True),
        ]
    else:
        print("without vector-quantize-pytorch: pip install vector-quantize-pytorch")
    return variants


# ---- results ----


def float64_search(rows, codebook, block=2048):
    """rows M x D, codebook K x D: codes, and per row by how much the second nearest is farther (squared)."""
    entries = codebook.double()
    half = entries.pow(2).sum(1) / 2
    codes, gaps = [], []
    for part in rows.split(block):
        best = (half - part.double() @ entries.t()).topk(2, dim=1, largest=False)
        codes.append(best.indices[:, 0])
        gaps.append(2 * (best.values[:, 1] - best.values[:, 0]))
    return torch.cat(codes), torch.cat(gaps)


def codes_of(variant, x):
    """The codes that a variant's step finds, in the order of images and positions."""
    if variant.ours:
        codes = torch.ops.fqgan.nearest_code(x.detach(), variant.state.codebook)
        variant.step(x, torch.zeros_like(x))
        return codes.flatten()
    if hasattr(variant.state, "embed_code"):
        seen, find = [], variant.state.embed_code
        variant.state.embed_code = lambda codes: seen.append(codes) or find(codes)
        variant.step(x, torch.zeros_like(x))
        variant.state.embed_code = find
        return seen[0].flatten()
    return variant.layer(x)[1].flatten()


def gradient_error(variant, case, expected):
    """How far the input's gradient is off that of the formula, in units of what a rounding may do; where the code is
    right. The output's gradient is as large as the loss's, so that neither hides the other."""
    n, h, w, d, k = case
    variant.prepare(d, k)
    x = variant.batch(n, d, h, w, 1).requires_grad_()
    right = codes_of(variant, x) == expected
    variant.prepare(d, k)
    x.grad = None
    factor = 2 / x.numel()  # of the loss: the mean over an image's elements, then over images
    outer = (torch.randn(x.shape, generator=torch.Generator().manual_seed(4)) * factor).to(x.dtype)
    variant.step(x, outer.contiguous(memory_format=torch.channels_last) if variant.channels_last else outer)
    found, outer, rows = (t.detach().permute(0, 2, 3, 1).reshape(-1, d).double() for t in (x.grad, outer, x))
    entries = start(d, k).double()[expected]
    error = (found - outer - factor * (rows - entries)).abs()
    size = outer.abs() + factor * (rows.abs() + entries.abs())
    tolerance = 2**-7 if variant.dtype == torch.bfloat16 else 1e-5
    return (error / (tolerance * size))[right].max().item()


def check(variant, case):
    """Fraction of wrong codes in the first step. Ours must have none, and loss, gradient and dictionary as the formulas
    say; the reference must agree in the gradient, or the formula is not its."""
    n, h, w, d, k = case
    variant.prepare(d, k)
    x = variant.batch(n, d, h, w, 1).requires_grad_()
    rows = x.detach().permute(0, 2, 3, 1).reshape(-1, d)
    expected, gaps = float64_search(rows, start(d, k))
    wrong = (codes_of(variant, x) != expected) & (gaps > 1e-9)
    if variant.ours:
        rows, entries = rows.double(), start(d, k).double()
        counts = torch.bincount(expected, minlength=k).double()
        sums = torch.zeros(k, d, dtype=torch.float64).index_add_(0, expected, rows)
        size, total = (1 - DECAY) * counts, DECAY * entries + (1 - DECAY) * sums
        codebook = total / ((size + 1e-5) / (size.sum() + k * 1e-5) * size.sum()).unsqueeze(1)
        variant.prepare(d, k)
        _, loss = variant.step(x, torch.zeros_like(x))
        true_loss = (rows - entries[expected]).pow(2).reshape(n, -1).mean(1)
        loss_error = (loss.detach() - true_loss).abs().max().item()
        error = ((variant.state.codebook - codebook).abs() / codebook.abs().clamp_min(1)).max().item()
        if wrong.any() or loss_error > 1e-5 or error > 1e-4:
            sys.exit(
                f"[{variant.name}] {int(wrong.sum())} wrong codes, loss off by {loss_error}, dictionary by {error}"
            )
    if variant.ours or variant.name == "reference float32":
        off = gradient_error(variant, case, expected)
        if not off <= 1:
            sys.exit(f"[{variant.name}] expected the gradient of the formula, got one that is off by {off} tolerances")
    return wrong.double().mean().item()


# ---- time ----


def time_all(variants, case, rounds):
    """Seconds of each step, by variant; they take turns. Two rounds to warm up."""
    n, h, w, d, k = case
    seconds = {variant.name: [] for variant in variants}
    batches, gradients = {}, {}
    for variant in variants:
        variant.prepare(d, k)
        key = (variant.dtype, variant.channels_last)
        if key not in batches:
            batches[key] = [variant.batch(n, d, h, w, seed).requires_grad_() for seed in range(BATCHES)]
            gradients[key] = torch.randn_like(batches[key][0]) * 1e-3
    for number in range(-2, rounds):
        for variant in variants:
            key = (variant.dtype, variant.channels_last)
            x = batches[key][number % BATCHES]
            x.grad = None
            begin = time.perf_counter()
            variant.step(x, gradients[key])
            if number >= 0:
                seconds[variant.name].append(time.perf_counter() - begin)
            x.grad = None
    return seconds


# ---- memory ----


def resident(name):
    """VmRSS (now) or VmHWM (highest), in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} in /proc/self/status")


def forget_peak():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # VmHWM becomes VmRSS


def measure_memory(variant, case):
    """MiB that a step needs besides input, output and the gradients of both: the higher of forward and backward."""
    n, h, w, d, k = case
    variant.prepare(d, k)
    x, small = variant.batch(n, d, h, w, 1).requires_grad_(), variant.batch(1, d, 4, 4, 2).requires_grad_()
    gradient = torch.randn_like(x)
    variant.step(*(x, gradient) if variant.compiled else (small, torch.randn_like(small)))
    x.grad = None
    forget_peak()
    before = resident("VmRSS")
    output, loss = variant.forward(x)
    own = 0 if output is x else output.nbytes
    forward = resident("VmHWM") - before - own
    forget_peak()
    variant.backward(Downstream.apply(output), loss, gradient)
    backward = resident("VmHWM") - before - own - 2 * x.grad.nbytes
    return max(forward, backward) / 2**20


def memory_in_child(variant, case_index, threads):
    command = [sys.executable, __file__, "--memory-of", variant.name, "--cases", str(case_index)]
    # A fixed threshold: what is freed goes back to the system at once, and no holes in the heap are counted.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}
    done = subprocess.run([*command, "--threads", str(threads)], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"[{variant.name}] memory: {done.stderr[-2000:]}")
    extra = float(done.stdout.splitlines()[-1])
    if variant.ours and not extra <= MOST_EXTRA_MIB:
        sys.exit(f"[{variant.name}] expected at most {MOST_EXTRA_MIB} MiB of extra memory, got {extra:.1f} MiB")
    return extra


# ---- report ----


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def run_case(index, variants, arguments):
    case = CASES[index]
    n, h, w, d, k = case
    print(f"\nM = {n} x {h} x {w}, D = {d}, K = {k}")
    wrong = {variant.name: check(variant, case) for variant in variants}
    extras = {variant.name: memory_in_child(variant, index, arguments.threads) for variant in variants}
    seconds = time_all(variants, case, arguments.rounds)
    base = statistics.median(seconds.get("reference float32", [float("nan")]))
    print(f"{'':34}{'median ms':>10}{'quartiles':>16}{'reference/it':>14}{'wrong codes':>13}{'extra MiB':>11}")
    rows = []
    for variant in variants:
        times = seconds[variant.name]
        low, median, high = statistics.quantiles(times, n=4)
        extra = extras[variant.name]
        spread = f"{low * 1e3:.1f} - {high * 1e3:.1f}"
        print(
            f"{variant.name:34}{median * 1e3:10.1f}{spread:>16}{base / median:13.2f}x{wrong[variant.name]:12.3%}"
            f"{extra:11.1f}",
            flush=True,
        )
        rows.append({"variant": variant.name, "seconds": times, "median": median, "wrong_codes": wrong[variant.name]})
        rows[-1].update(ratio=base / median, extra_mib=extra)
    return {"images": n, "height": h, "width": w, "dim": d, "codes": k, "variants": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cases", default="0,1,2", help="which of the three sizes")
    parser.add_argument("--json", type=pathlib.Path, help="write all values to this file")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "This overload of add_ is deprecated")
    torch.set_num_threads(arguments.threads)
    chosen = [int(index) for index in arguments.cases.split(",")]
    variants = all_variants()
    if arguments.memory_of:
        print(measure_memory(next(v for v in variants if v.name == arguments.memory_of), CASES[chosen[0]]))
        return
    load = os.getloadavg()[0]
    print(f"{processor()}, {arguments.threads} threads, torch {torch.__version__}, load before the run {load:.1f}")
    cases = [run_case(index, variants, arguments) for index in chosen]
    if arguments.json:
        facts = {"processor": processor(), "threads": arguments.threads, "torch": torch.__version__, "load": load}
        arguments.json.write_text(json.dumps({**facts, "cases": cases}, indent=1))


if __name__ == "__main__":
    main()
