#!/usr/bin/env python3
"""Training iterations and images of StyleGAN2 against NVlabs/stylegan2-ada-pytorch, side by side in one run.

    STYLEGAN2=<checkout> python benchmarks/versus/stylegan2.py [--rounds 3] [--base 4096] [--max 128] [--batch 16]
        [--resolution 64] [--threads 2] [--json FILE]

Without STYLEGAN2 only ours run. `--base 16384 --max 512 --batch 4` are the widths of config E.

1. A generator that ours has trained for one iteration is exported under NVIDIA's names and loaded into their code.
   Before anything is timed, both make images of the same latents: at most 1e-4 apart.
2. Sixteen iterations of each variant take turns, round by round, after one that is not counted; they contain the
   penalties in their share (four path lengths, one R1). Theirs runs on its plain PyTorch operators, in float32; its
   autocast does not run on a CPU.
3. Shown: seconds per iteration (median of the rounds), the ratio to theirs with its extremes, memory; and images per
   second of the generator alone.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import types

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve()
ROOT = HERE.parents[2]
PROGRAM = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build/release")) / "fqgan"
RECIPE = ROOT / "recipes/stylegan2/auto.toml"
ITERATIONS, SAMPLES, TOLERANCE = 16, 64, 1e-4
OURS = {"ours float32": "float32", "ours bfloat16": "bfloat16"}
MUST_AND_GOAL = {"narrow": {"ours float32": (2.0, 2.7), "ours bfloat16": (3.2, 4.5)},
                 "wide": {"ours float32": (1.6, 2.2), "ours bfloat16": (3.0, 4.0)}}  # fmt: skip


def settings(arguments, *more):
    found = [f"threads={arguments.threads}", f"model.batch={arguments.batch}", f"model.channel_base={arguments.base}"]
    found += [f"model.channel_max={arguments.max}", f"data.resolution={arguments.resolution}"]
    found += ["model.discriminator.r1.gamma=0.1", "model.conditional=false", *more]
    return [word for setting in found for word in ("--set", setting)]


def program(*arguments):
    done = subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


# ---- theirs, in a process of its own ----


def reference():
    """NVIDIA's modules on their plain PyTorch operators."""
    sys.modules.setdefault("requests", types.ModuleType("requests"))  # only for downloads
    sys.path.insert(0, os.environ["STYLEGAN2"])
    import torch_utils.ops.bias_act as bias_act
    import torch_utils.ops.upfirdn2d as upfirdn2d
    from training.loss import StyleGAN2Loss
    from training.networks import Discriminator, Generator

    upfirdn2d._init = bias_act._init = lambda: False
    return Generator, Discriminator, StyleGAN2Loss


class TheirStep:
    def __init__(self, arguments):
        make_generator, make_discriminator, make_loss = reference()
        sizes = dict(c_dim=0, img_resolution=arguments.resolution, img_channels=3)
        widths = dict(channel_base=arguments.base, channel_max=arguments.max, conv_clamp=256)
        self.generator = make_generator(
            z_dim=512, w_dim=512, mapping_kwargs=dict(num_layers=2), synthesis_kwargs=widths, **sizes
        ).train()
        self.discriminator = make_discriminator(epilogue_kwargs=dict(mbstd_group_size=4), **sizes, **widths).train()
        parts = dict(G_mapping=self.generator.mapping, G_synthesis=self.generator.synthesis, D=self.discriminator)
        self.loss = make_loss(device="cpu", r1_gamma=0.1, **parts)
        self.images = torch.rand(arguments.batch, 3, arguments.resolution, arguments.resolution) * 2 - 1
        self.labels = torch.zeros(arguments.batch, 0)
        self.optimizers = {
            network: torch.optim.Adam(network.parameters(), 0.002, (0.0, 0.99))
            for network in (self.generator, self.discriminator)
        }

    def phase(self, name):
        trained = self.generator if name.startswith("G") else self.discriminator
        self.generator.requires_grad_(trained is self.generator)
        self.discriminator.requires_grad_(trained is self.discriminator)
        optimizer = self.optimizers[trained]
        optimizer.zero_grad(set_to_none=True)
        z = torch.randn(len(self.images), 512)
        given = dict(real_img=self.images, real_c=self.labels, gen_z=z, gen_c=self.labels)
        self.loss.accumulate_gradients(phase=name, sync=True, gain=1, **given)
        optimizer.step()

    def __call__(self):
        for i in range(ITERATIONS):
            for name, interval in (("Gmain", 1), ("Greg", 4), ("Dmain", 1), ("Dreg", 16)):
                if i % interval == 0:
                    self.phase(name)

    def sample(self):
        self.generator.eval()
        with torch.no_grad():
            for _ in range(SAMPLES // 16):
                self.generator(torch.randn(16, 512), None)
        self.generator.train()


def serve(arguments):
    """A line in ("step" or "sample"), seconds out; at the end the peak memory."""
    torch.set_num_threads(arguments.threads)
    step = TheirStep(arguments)
    for name in ("Gmain", "Greg", "Dmain", "Dreg"):
        step.phase(name)
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        step() if line.strip() == "step" else step.sample()
        print(time.perf_counter() - started, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


class Theirs:
    def __init__(self, arguments):
        command = [sys.executable, HERE, "--serve"]
        for name in ("base", "max", "batch", "resolution", "threads"):
            command += [f"--{name}", str(getattr(arguments, name))]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(list(map(str, command)), stdin=pipe, stdout=pipe, text=True)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("NVIDIA's code did not start")

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def seconds(self):
        return self.ask("step") / ITERATIONS

    def images_per_second(self):
        return SAMPLES / self.ask("sample")

    def peak(self):
        self.process.stdin.close()
        return float(self.process.stdout.readline())


# ---- ours ----


class Ours:
    def __init__(self, name, arguments, model):
        self.precision, self.arguments, self.model, self.most = OURS[name], arguments, model, 0

    def seconds(self):
        words = settings(self.arguments, f"precision={self.precision}")
        result = json.loads(program("profile", RECIPE, "--steps-only", "--json", "--iterations", ITERATIONS, *words))
        self.most = max(self.most, result["peak_memory_mib"])
        return sum(result["seconds"]) / len(result["seconds"])

    def images_per_second(self):
        """From the difference of two numbers of images, so that the start of the program does not count."""
        with tempfile.TemporaryDirectory() as folder:
            took = []
            for count in (16, SAMPLES + 16):
                words = ("--precision", self.precision, "--threads", self.arguments.threads, "--force")
                started = time.perf_counter()
                program("sample", self.model, "--count", count, "--out", f"{folder}/x.safetensors", *words)
                took.append(time.perf_counter() - started)
        return SAMPLES / max(took[1] - took[0], 1e-9)

    def peak(self):
        return self.most


def trained_model(arguments, folder):
    """A checkpoint of ours after one iteration on noise."""
    from PIL import Image

    draw, size = np.random.default_rng(1), arguments.resolution
    (folder / "images").mkdir()
    for i in range(arguments.batch):
        Image.fromarray(draw.integers(0, 256, (size, size, 3), np.uint8)).save(folder / f"images/{i}.png")
    more = ("training.iterations=1", "training.sample_every=0")
    program("train", RECIPE, "--data", folder / "images", "--out", folder / "run", *settings(arguments, *more))
    return folder / "run"


def check_images(model, folder):
    """Theirs with our weights makes our images; exits when it does not."""
    make_generator = reference()[0]
    program("export", model, "--to", "stylegan2-ada-pytorch", "--out", folder / "theirs")
    path = folder / "theirs/G_ema.safetensors"
    with safe_open(path, "pt") as file:
        generator = make_generator(**json.loads(file.metadata()["init_kwargs"])).eval()
    generator.load_state_dict(load_file(path), strict=True)
    z = torch.randn(8, 512, generator=torch.Generator().manual_seed(3))
    save_file({"z": z}, folder / "z.safetensors")
    words = ("--latents", folder / "z.safetensors", "--noise", "constant", "--count", 8)
    program("sample", model, "--out", folder / "ours.safetensors", *words)
    with torch.no_grad():
        theirs = generator(z, None, noise_mode="const", force_fp32=True).clamp(-1, 1)
    apart = (load_file(folder / "ours.safetensors")["images"] - theirs).abs().max().item()
    print(f"images of the same weights and latents differ by at most {apart:.1e} (allowed {TOLERANCE:g})", flush=True)
    if not apart <= TOLERANCE:
        sys.exit("the images differ")


def report(name, times, base, rates, base_rates, peak, goals):
    took = f"{statistics.median(times):7.3f} s per iteration, {statistics.median(rates):6.1f} images/s, {peak:6.0f} MiB"
    if not base:
        return print(f"{name:14} {took}")
    ratios, rate_ratios = ([a / b for a, b in zip(*pair)] for pair in ((base, times), (rates, base_rates)))
    ratio, verdict = statistics.median(ratios), ""
    if name in goals:
        must, goal = goals[name]
        reached = "goal reached" if ratio >= goal else "must reached" if ratio >= must else "MISSED"
        verdict = f"; must {must}, goal {goal}: {reached}"
    print(f"{name:14} {took}; training {ratio:.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f}), "
          f"sampling {statistics.median(rate_ratios):.2f}{verdict}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rounds", 3), ("base", 4096), ("max", 128), ("batch", 16), ("resolution", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments)
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        model = trained_model(arguments, folder)
        variants = {name: Ours(name, arguments, model) for name in OURS}
        if os.environ.get("STYLEGAN2"):
            check_images(model, folder)
            variants = {"theirs": Theirs(arguments), **variants}
        times, rates = ({name: [] for name in variants} for _ in range(2))
        for _ in range(arguments.rounds):
            for name, variant in variants.items():
                times[name].append(variant.seconds())
                rates[name].append(variant.images_per_second())
        peaks = {name: variant.peak() for name, variant in variants.items()}
    goals = MUST_AND_GOAL["narrow" if arguments.max <= 128 else "wide"]
    for name in variants:
        report(name, times[name], times.get("theirs"), rates[name], rates.get("theirs"), peaks[name], goals)
    if arguments.json:
        results = {"seconds": times, "images_per_second": rates, "peak_mib": peaks}
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
