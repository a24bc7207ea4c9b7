#!/usr/bin/env python3
"""The feature quantizer on a GPU against plain PyTorch, side by side in one run: forward + backward + update.

    FQGAN_OPS=build/release/libfqgan_ops.so PYTHONPATH=python python benchmarks/versus/quantizer_device.py \\
        [--device cuda] [--rounds 50] [--cases 0,1,2] [--json FILE]

Against: the same layer as a sequence of PyTorch's operators (distances of all rows to all codes, argmin, one-hot
products for the statistics, as FQ-BigGAN/vq_layer.py computes them), eager and compiled with torch.compile.

1. Results are checked before anything is timed, against a float64 search and the formulas: the fraction of wrong codes
   (more than 0.1 % in float32 ends the run), the loss and the dictionary after the update.
2. All variants take turns, round by round, on the same batches of normal features. Shown: the median and the quartiles
   of the times between two device events, and the most memory that a step takes besides what exists before it.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time

import torch
from quantizer import BATCHES, CASES, DECAY, float64_search, start

import fqgan


class PlainQuantizer(torch.nn.Module):
    """The layer of FQ-GAN through PyTorch's own operators."""

    def __init__(self, dim, codes):
        super().__init__()
        self.codes = codes
        self.register_buffer("codebook", torch.zeros(codes, dim))
        self.register_buffer("codebook_sum", torch.zeros(codes, dim))
        self.register_buffer("cluster_size", torch.zeros(codes))

    def forward(self, x):
        rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        flat, codebook = rows.detach().float(), self.codebook
        distances = flat.pow(2).sum(1, keepdim=True) - 2 * flat @ codebook.t() + codebook.pow(2).sum(1)
        codes = distances.argmin(1)
        one_hot = torch.nn.functional.one_hot(codes, self.codes).to(flat.dtype)
        size = self.cluster_size * DECAY + one_hot.sum(0) * (1 - DECAY)
        total = self.codebook_sum * DECAY + one_hot.t() @ flat * (1 - DECAY)
        smoothed = (size + 1e-5) / (size.sum() + self.codes * 1e-5) * size.sum()
        self.codebook, self.codebook_sum, self.cluster_size = total / smoothed.unsqueeze(1), total, size
        entries = codebook[codes].view(x.shape[0], *x.shape[2:], -1).permute(0, 3, 1, 2)
        loss = (x.float() - entries).pow(2).flatten(1).mean(1)
        return x + (entries - x).detach().to(x.dtype), loss, codes


def our_layer(dim, codes):
    return fqgan.FeatureQuantizer(dim, codes, DECAY, mode="straight_through")


class Variant:
    def __init__(self, name, dtype, make, device, *, channels_last=False, compiled=False):
        self.name, self.dtype, self.make, self.device = name, dtype, make, device
        self.channels_last, self.compiled = channels_last, compiled

    def make_layer(self, d, k):
        self.state = self.make(d, k).train().to(self.device)
        self.layer = torch.compile(self.state) if self.compiled else self.state

    def prepare(self, d, k):
        begin = {"codebook": start(d, k), "codebook_sum": start(d, k), "cluster_size": torch.zeros(k)}
        self.state.load_state_dict(begin)

    def batch(self, n, d, h, w, seed):
        x = torch.randn(n, d, h, w, generator=torch.Generator().manual_seed(seed)).to(self.device, self.dtype)
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x

    def step(self, x, gradient):
        output, loss = self.layer(x)[:2]
        torch.autograd.backward([output, loss], [gradient.to(output.dtype), torch.full_like(loss, 1 / loss.numel())])
        return loss


def all_variants(device):
    f32, bf16 = torch.float32, torch.bfloat16
    return [
        Variant("ours float32", f32, our_layer, device),
        Variant("ours bfloat16 channels_last", bf16, our_layer, device, channels_last=True),
        Variant("plain float32", f32, PlainQuantizer, device),
        Variant("plain bfloat16 channels_last", bf16, PlainQuantizer, device, channels_last=True),
        Variant("plain compiled float32", f32, PlainQuantizer, device, compiled=True),
        Variant("plain compiled bfloat16 ch.last", bf16, PlainQuantizer, device, channels_last=True, compiled=True),
    ]


def check(variant, case):
    """The fraction of wrong codes, and the errors of loss and dictionary against the formulas in float64."""
    n, h, w, d, k = case
    variant.prepare(d, k)
    x = variant.batch(n, d, h, w, 1)
    rows, entries = x.permute(0, 2, 3, 1).reshape(-1, d), start(d, k).to(variant.device)
    expected, _ = float64_search(rows, entries)
    ours = isinstance(variant.state, fqgan.FeatureQuantizer)
    codes = torch.ops.fqgan.nearest_code(x, entries).flatten() if ours else variant.state(x)[2]
    variant.prepare(d, k)
    loss = variant.step(x.requires_grad_(), torch.zeros_like(x)).detach().double()
    rows, entries = rows.detach().double(), entries.double()
    true_loss = (rows - entries[expected]).pow(2).reshape(n, -1).mean(1)
    sums = torch.zeros_like(entries).index_add_(0, expected, rows)
    size, total = (1 - DECAY) * torch.bincount(expected, minlength=k), DECAY * entries + (1 - DECAY) * sums
    codebook = total / ((size + 1e-5) / (size.sum() + k * 1e-5) * size.sum()).unsqueeze(1)
    off = (variant.state.codebook - codebook).norm() / codebook.norm()
    return {
        "wrong_codes": (codes != expected).double().mean().item(),
        "loss_error": ((loss - true_loss).abs().max() / true_loss.max()).item(),
        "dictionary_error": off.item(),
    }


def timed(device, action):
    if device.type == "cpu":
        begin = time.perf_counter()
        action()
        return time.perf_counter() - begin
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    action()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def time_all(variants, case, rounds):
    """Seconds of each step, by variant; they take turns. Three rounds to warm up."""
    n, h, w, d, k = case
    seconds = {variant.name: [] for variant in variants}
    for variant in variants:
        variant.prepare(d, k)
        variant.batches = [variant.batch(n, d, h, w, seed).requires_grad_() for seed in range(BATCHES)]
        variant.gradient = torch.randn_like(variant.batches[0]) * 1e-3
    for number in range(-3, rounds):
        for variant in variants:
            x = variant.batches[number % BATCHES]
            x.grad = None
            taken = timed(variant.device, lambda: variant.step(x, variant.gradient))
            if number >= 0:
                seconds[variant.name].append(taken)
            x.grad = None
    return seconds


def extra_memory(variant):
    """MiB that a step takes at most besides what is there before it; None on a processor."""
    if variant.device.type == "cpu":
        return None
    x = variant.batches[0]
    x.grad = None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    variant.step(x, variant.gradient)
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def run_case(case, device, rounds):
    n, h, w, d, k = case
    torch._dynamo.reset()
    variants = all_variants(device)
    for variant in variants:
        variant.make_layer(d, k)
    print(f"\nM = {n} x {h} x {w}, D = {d}, K = {k}")
    errors = {variant.name: check(variant, case) for variant in variants}
    for variant in variants:
        if "float32" in variant.name and not errors[variant.name]["wrong_codes"] <= 1e-3:
            sys.exit(f"[{variant.name}] expected the nearest codes, got {errors[variant.name]}")
    seconds = time_all(variants, case, rounds)
    rows = []
    print(f"{'':34}{'median ms':>10}{'quartiles':>18}{'wrong codes':>13}{'loss error':>12}{'extra MiB':>11}")
    for variant in variants:
        low, median, high = statistics.quantiles(seconds[variant.name], n=4)
        memory, error = extra_memory(variant), errors[variant.name]
        spread = f"{low * 1e3:.3f} - {high * 1e3:.3f}"
        print(
            f"{variant.name:34}{median * 1e3:10.3f}{spread:>18}{error['wrong_codes']:12.4%}{error['loss_error']:12.1e}"
            + (f"{memory:11.1f}" if memory is not None else ""),
            flush=True,
        )
        rows.append({"variant": variant.name, "median": median, "quartiles": [low, high], "extra_mib": memory, **error})
    return {"images": n, "height": h, "width": w, "dim": d, "codes": k, "variants": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--cases", default="0,1,2", help="which of the three sizes")
    parser.add_argument("--json", type=pathlib.Path, help="write all values to this file")
    arguments = parser.parse_args()
    name = torch.cuda.get_device_name(arguments.device) if arguments.device.type == "cuda" else "processor"
    print(f"{name}, torch {torch.__version__}")
    chosen = [CASES[int(index)] for index in arguments.cases.split(",")]
    cases = [run_case(case, arguments.device, arguments.rounds) for case in chosen]
    if arguments.json:
        arguments.json.write_text(json.dumps({"device": name, "torch": torch.__version__, "cases": cases}, indent=1))


if __name__ == "__main__":
    main()
