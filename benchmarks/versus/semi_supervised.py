#!/usr/bin/env python3
"""A step of semi-supervised training on MNIST against the same networks written plainly in PyTorch, in one run.

    python benchmarks/versus/semi_supervised.py --data MNIST_FOLDER [--rounds 5] [--steps 200] [--threads 2]
        [--no-compile] [--json FILE]

Both sides are openai/improved-gan's train_mnist_feature_matching.py: a step of D over 100 labelled, 100 unlabelled and
100 generated images, one of G, Adam with epsilon under the root, a moving average of D. The plain side keeps the images
in memory, three forwards of D, and one operator after another; eager, in bfloat16 autocast, and compiled.

1. Our program trains for 20 steps; its weights, loaded into the plain networks, must give the program's class
   probabilities (fqgan classify) and images (fqgan sample) to 1e-4.
2. The variants take turns, round by round: ours is a training of its own each time (--steps, timed by its log after the
   first quarter), the plain ones go on from round to round after 20 steps that are not counted.
3. Shown: milliseconds a step and seconds an epoch of 600 steps (median, extremes), and how many times as fast as the
   plain float32 step.
"""

import argparse
import csv
import gzip
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build/release")) / "fqgan"
RECIPE = ROOT / "recipes/improved/mnist-100-labels.toml"
HIDDEN = [784, 1000, 500, 250, 250, 250]
BATCH, LATENT, TOLERANCE = 100, 100, 1e-4


class Dense(torch.nn.Module):
    def __init__(self, inputs, outputs, train_scale=False):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(outputs, inputs) * 0.1)
        self.scale = torch.nn.Parameter(torch.ones(outputs), requires_grad=train_scale)
        self.bias = torch.nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return F.linear(x, self.weight * (self.scale / self.weight.square().sum(1).sqrt()).unsqueeze(1), self.bias)


class Discriminator(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.ModuleList(Dense(*sizes) for sizes in zip(HIDDEN, HIDDEN[1:]))
        self.output = Dense(HIDDEN[-1], 10, train_scale=True)

    def forward(self, x, noise=True):
        if noise:
            x = x + 0.3 * torch.randn_like(x)
        for layer in self.hidden:
            features = x = layer(x).relu()
            if noise:
                x = x + 0.5 * torch.randn_like(x)
        return self.output(x), features


class Generator(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.ModuleList(torch.nn.Linear(*sizes, bias=False) for sizes in ((LATENT, 500), (500, 500)))
        self.norm = torch.nn.ModuleList(torch.nn.BatchNorm1d(500, eps=1e-6) for _ in range(2))
        for norm in self.norm:
            norm.weight.requires_grad_(False)
        self.output = Dense(500, 784, train_scale=True)

    def forward(self, z):
        for linear, norm in zip(self.linear, self.norm):
            z = F.softplus(norm(linear(z)))
        return torch.sigmoid(self.output(z))


class Adam:
    def __init__(self, module):
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, gradients, rate=3e-3):
        self.steps += 1
        for p, g, m, v in zip(self.parameters, gradients, self.first, self.second):
            m.mul_(0.5).add_(g, alpha=0.5)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            corrected = (v / (1 - 0.999**self.steps)).add_(1e-8).sqrt_()
            p.addcdiv_(m, corrected, value=-rate / (1 - 0.5**self.steps))


class PlainStep:
    """As openai/improved-gan goes through a minibatch."""

    def __init__(self, images, labels, bfloat16=False, compiled=False):
        torch.manual_seed(1)
        self.images, self.labels, self.bfloat16 = images, labels, bfloat16
        self.generator, self.discriminator = Generator(), Discriminator()
        self.average = [torch.zeros_like(p) for p in self.discriminator.parameters()]
        self.optimizers = Adam(self.generator), Adam(self.discriminator)
        wrap = torch.compile if compiled else lambda function: function
        self.losses = wrap(self.discriminator_loss), wrap(self.generator_loss)

    def draw(self):
        chosen = torch.randint(0, len(self.images), (BATCH,))
        return self.images[chosen], self.labels[chosen]

    def discriminator_loss(self, labelled, labels, unlabelled, latents):
        with torch.no_grad():
            fake = self.generator(latents)
        logits = [self.discriminator(x)[0].float() for x in (labelled, unlabelled, fake)]
        real, generated = logits[1].logsumexp(1), logits[2].logsumexp(1)
        unsupervised = 0.5 * (F.softplus(real) - real).mean() + 0.5 * F.softplus(generated).mean()
        return F.cross_entropy(logits[0], labels) + unsupervised

    def generator_loss(self, unlabelled, latents):
        with torch.no_grad():
            real = self.discriminator(unlabelled)[1].float().mean(0)
        return (real - self.discriminator(self.generator(latents))[1].float().mean(0)).square().mean()

    def __call__(self):
        generator, discriminator = self.optimizers
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            loss = self.losses[0](*self.draw(), self.draw()[0], torch.rand(BATCH, LATENT))
        discriminator.step(torch.autograd.grad(loss, discriminator.parameters))
        with torch.no_grad():
            for average, parameter in zip(self.average, self.discriminator.parameters()):
                average.lerp_(parameter, 1e-4)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            loss = self.losses[1](self.draw()[0], torch.rand(BATCH, LATENT))
        generator.step(torch.autograd.grad(loss, generator.parameters))


class PlainVariant:
    def __init__(self, arguments, images, labels, **options):
        self.step, self.steps = PlainStep(images, labels, **options), arguments.steps
        for _ in range(20):
            self.step()

    def seconds(self):
        started = time.perf_counter()
        for _ in range(self.steps):
            self.step()
        return (time.perf_counter() - started) / self.steps


def train(arguments, folder, steps, *settings):
    """Seconds a step of our program."""
    first = max(1, steps // 4)
    fixed = ["model.average.decay=0", "training.sample_every=0", "training.checkpoint_every=0", "evaluation.every=0"]
    fixed += [f"threads={arguments.threads}", f"training.iterations={steps}", f"training.log_every={first}", *settings]
    command = [PROGRAM, "train", RECIPE, "--data", arguments.data, "--out", folder]
    subprocess.run(command + [w for s in fixed for w in ("--set", s)], check=True, capture_output=True)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    done = {line["step"]: line["seconds"] for line in lines}
    return (done[steps] - done[first]) / (steps - first)


class OurVariant:
    def __init__(self, arguments, precision):
        self.arguments, self.precision = arguments, precision

    def seconds(self):
        with tempfile.TemporaryDirectory() as folder:
            return train(self.arguments, pathlib.Path(folder) / "run", self.arguments.steps,
                         f"precision={self.precision}")  # fmt: skip


def load(module, weights, prefix, renamed):
    """The program's tensors under the plain network's names."""
    state = module.state_dict()
    for key in state:
        name = key
        for old, new in renamed:
            name = name.replace(old, new)
        if prefix + name in weights:
            state[key] = weights[prefix + name].float()
    module.load_state_dict(state)
    return module.eval()


def check(arguments):
    """The plain networks are ours; exits when they are not."""
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        folder = pathlib.Path(folder)
        train(arguments, folder / "run", 20)
        weights = load_file(max((folder / "run/checkpoints").glob("step-*.safetensors")))
        layers = [(f"hidden.{i}.", f"hidden{i + 1}.") for i in range(5)] + [("output.", "head.output.")]
        discriminator = load(Discriminator(), weights, "average.discriminator.", layers)
        norms = [("running_", "stored_"), ("norm.0.weight", "norm.0.gain"), ("norm.1.weight", "norm.1.gain")]
        norms += [(f"{kind}.{i}.", f"{kind}{i + 1}.") for kind in ("linear", "norm") for i in range(2)]
        generator = load(Generator(), weights, "network.generator.", norms)
        subprocess.run([PROGRAM, "classify", folder / "run", arguments.data, "--out", folder / "p.csv"], check=True,
                       capture_output=True)  # fmt: skip
        rows = list(csv.reader((folder / "p.csv").open()))[1:1001]
        images, _ = read(arguments.data, "t10k")
        found = torch.tensor([[float(value) for value in row[-10:]] for row in rows])
        expected = discriminator(images[:1000], noise=False)[0].softmax(1)
        latents = torch.rand(64, LATENT)
        save_file({"z": latents}, folder / "z.safetensors")
        subprocess.run([PROGRAM, "sample", folder / "run", "--latents", folder / "z.safetensors", "--count", "64",
                        "--out", folder / "x.safetensors"], check=True, capture_output=True)  # fmt: skip
        drawn = load_file(folder / "x.safetensors")["images"].flatten(1)
        errors = {"probabilities": (found - expected).abs().max().item(),
                  "images": (drawn - (generator(latents) * 2 - 1)).abs().max().item()}  # fmt: skip
    print(", ".join(f"{name} differ by {error:.1e}" for name, error in errors.items()), f"(allowed {TOLERANCE:g})")
    if not all(error <= TOLERANCE for error in errors.values()):
        sys.exit("the plain networks are not ours")


def read(folder, part):
    folder = pathlib.Path(folder)
    images = gzip.open(folder / f"{part}-images-idx3-ubyte.gz").read()[16:]
    labels = gzip.open(folder / f"{part}-labels-idx1-ubyte.gz").read()[8:]
    pixels = numpy.frombuffer(images, numpy.uint8).reshape(-1, 784).astype(numpy.float32) / 255
    return torch.from_numpy(pixels), torch.from_numpy(numpy.frombuffer(labels, numpy.uint8).astype(numpy.int64))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with MNIST's four IDX files, gzipped")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    check(arguments)
    images, labels = read(arguments.data, "train")
    variants = {f"ours {name}": OurVariant(arguments, name) for name in ("float32", "bfloat16")}
    plain = {"plain float32": {}, "plain bfloat16": {"bfloat16": True}}
    if not arguments.no_compile:
        plain["plain compiled float32"] = {"compiled": True}
    variants |= {name: PlainVariant(arguments, images, labels, **options) for name, options in plain.items()}
    times = {name: [] for name in variants}
    for _ in range(arguments.rounds):
        for name, variant in variants.items():
            times[name].append(variant.seconds())
    for name, seconds in times.items():
        ratios = sorted(base / s for base, s in zip(times["plain float32"], seconds))
        median = statistics.median(seconds)
        print(f"{name:24} {1e3 * median:6.1f} ms ({1e3 * min(seconds):.1f} to {1e3 * max(seconds):.1f}), "
              f"{600 * median:5.1f} s an epoch, x {statistics.median(ratios):.2f} "
              f"({ratios[0]:.2f} to {ratios[-1]:.2f})")  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(times, indent=1))


if __name__ == "__main__":
    main()
