#!/usr/bin/env python3
"""One training iteration of FQ-BigGAN against YangNaruto/FQ-GAN, side by side in one run.

    FQGAN_REFERENCE=<checkout of YangNaruto/FQ-GAN> python benchmarks/versus/step.py [--rounds 5] [--json FILE]
        [--width 64] [--batch 32] [--threads 2] [--variants NAME,NAME] [--no-compile]

CIFAR-10's recipe (4 D steps + 1 G step, four dictionaries of 1,024 codes). The reference runs in float32, in bfloat16
autocast, each also in channels_last, and compiled (torch.compile, which takes minutes to warm up). Without
FQGAN_REFERENCE only ours run.

1. Our losses of the first iteration are compared with those of the float64 reference operators before anything is
   timed, without learning (the first steps of Adam are signs of gradients, after which rounding is all that losses
   would show): 1e-4 for float32, 1e-2 for bfloat16.
2. Every variant is a process of its own with the same threads and allocator; they take turns, round by round, after one
   iteration that is not counted.
3. Shown: seconds an iteration (median, extremes), real images a second, how many times as fast as the reference in
   float32, the most memory that the process has held, and ours against the goals: the best outside variant of the same
   type, round by round, and the memory against that variant's (goal: half).
"""

import argparse
import contextlib
import inspect
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve()
ROOT = HERE.parents[2]
PROGRAM = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build/release")) / "fqgan"
RECIPE = ROOT / "recipes/biggan/cifar10-fq.toml"
OURS = {"ours float32": "float32", "ours bfloat16": "bfloat16"}
REFERENCE = {
    "reference float32": {},
    "reference float32 channels_last": {"channels_last": True},
    "reference bfloat16": {"bfloat16": True},
    "reference bfloat16 channels_last": {"bfloat16": True, "channels_last": True},
    "reference compiled float32": {"channels_last": True, "compiled": True},
    "reference compiled bfloat16": {"bfloat16": True, "channels_last": True, "compiled": True},
}
TOLERANCE = {"float32": 1e-4, "bfloat16": 1e-2}
FLOAT32, BFLOAT16 = list(REFERENCE)[:2], list(REFERENCE)[2:4]
# ours, the fastest of these, must and goal (times as fast)
GOALS = [("ours bfloat16", BFLOAT16, 1.8, 2.6), ("ours bfloat16", list(REFERENCE)[5:], 1.5, 2.25),
         ("ours float32", FLOAT32, 2.0, 2.3)]  # fmt: skip
# Children inherit these: the same on both sides.
ALLOCATOR = ("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "LD_PRELOAD")


# ---- the reference, in a process of its own ----


def reference_networks(width):
    """Generator and discriminator of launch_C10.sh. Its .view calls fail in channels_last; reshape is the same."""
    import torch

    folder = pathlib.Path(os.environ["FQGAN_REFERENCE"]) / "FQ-BigGAN"
    sys.path.insert(0, str(folder))
    for name in ("layers", "BigGAN"):
        module = type(sys)(name)
        sys.modules[name] = module
        exec(compile((folder / f"{name}.py").read_text().replace(".view(", ".reshape("), name, "exec"), module.__dict__)
    biggan = sys.modules["BigGAN"]
    settings = dict(G_ch=width, D_ch=width, resolution=32, n_classes=10, G_attn="0", D_attn="0", G_init="N02")
    settings.update(D_init="N02", dim_z=128, shared_dim=128, G_shared=False, hier=False, G_lr=2e-4, D_lr=2e-4)
    settings.update(G_activation=torch.nn.ReLU(), D_activation=torch.nn.ReLU(), G_B1=0.0, G_B2=0.999, D_B1=0.0)
    settings.update(D_B2=0.999, bottom_width=4, dict_decay=0.8, commitment=1.0, discrete_layer="0123", dict_size=10)
    settings.update(norm_style="bn", mybn=False, cross_replica=False, BN_eps=1e-5, SN_eps=1e-8)

    def build(kind):
        known = inspect.signature(kind.__init__).parameters
        return kind(**{key: value for key, value in settings.items() if key in known})

    torch.manual_seed(0)
    return build(biggan.Generator), build(biggan.Discriminator), biggan


class ReferenceStep:
    def __init__(self, options, width, batch):
        import torch

        self.torch, self.batch, self.bfloat16 = torch, batch, options.get("bfloat16", False)
        layout = torch.channels_last if options.get("channels_last") else torch.contiguous_format
        generator, discriminator, biggan = reference_networks(width)
        self.generator, self.discriminator = (n.to(memory_format=layout) for n in (generator, discriminator))
        self.images = (torch.rand(batch, 3, 32, 32) * 2 - 1).to(memory_format=layout)
        self.labels = torch.randint(0, 10, (batch,))
        parts = (self.generator, self.discriminator)
        self.both = biggan.G_D(*(torch.compile(n) for n in parts)) if options.get("compiled") else biggan.G_D(*parts)

    def freeze(self, trained, frozen):
        for parameter in trained.parameters():
            parameter.requires_grad_(True)
        for parameter in frozen.parameters():
            parameter.requires_grad_(False)

    def latents(self):
        return self.torch.randn(self.batch, 128), self.torch.randint(0, 10, (self.batch,))

    def autocast(self):
        return self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.bfloat16)

    def __call__(self):
        relu = self.torch.relu
        self.freeze(self.discriminator, self.generator)
        for _ in range(4):
            self.discriminator.optim.zero_grad()
            z, classes = self.latents()
            with self.autocast():
                fake, real, loss_real, loss_fake, _ = self.both(z, classes, self.images, self.labels, train_G=False)
                loss = relu(1 - real).mean() + relu(1 + fake).mean() + loss_real.mean() + loss_fake.mean()
            loss.backward()
            self.discriminator.optim.step()
        self.freeze(self.generator, self.discriminator)
        self.generator.optim.zero_grad()
        z, classes = self.latents()
        with self.autocast():
            fake, quantized = self.both(z, classes, train_G=True)
            loss = quantized.mean() - fake.mean()
        loss.backward()
        self.generator.optim.step()


def serve(name, arguments):
    """A line in, an iteration, its seconds out; at the end the peak memory."""
    import torch

    torch.set_num_threads(arguments.threads)
    with contextlib.redirect_stdout(sys.stderr):  # the reference prints
        step = ReferenceStep(REFERENCE[name], arguments.width, arguments.batch)
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        step()
        print(time.perf_counter() - started, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


class ReferenceVariant:
    def __init__(self, name, arguments):
        command = [sys.executable, HERE, "--serve", name, "--width", str(arguments.width)]
        command += ["--batch", str(arguments.batch), "--threads", str(arguments.threads)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{name} did not start")

    def seconds(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def peak(self):
        self.process.stdin.close()
        return float(self.process.stdout.readline())


# ---- ours: a process for each turn, with an iteration that is not counted ----


def profile(precision, arguments, warmup=1, more=()):
    settings = [f"precision={precision}", f"threads={arguments.threads}", f"model.batch={arguments.batch}"]
    settings += [f"model.generator.width={arguments.width}", f"model.discriminator.width={arguments.width}"]
    command = [PROGRAM, "profile", RECIPE, "--steps-only", "--json", "--iterations", "1"]
    settings += more
    command += ["--warmup", str(warmup)] + [word for setting in settings for word in ("--set", setting)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class OurVariant:
    def __init__(self, name, arguments):
        self.precision, self.arguments, self.most = OURS[name], arguments, 0

    def seconds(self):
        result = profile(self.precision, self.arguments)
        self.most = max(self.most, result["peak_memory_mib"])
        return result["seconds"][0]

    def peak(self):
        return self.most


def check_losses(arguments):
    """Ours against the float64 reference operators; exits when they differ."""
    still = [f"model.{network}.adam.learning_rate=1e-12" for network in ("generator", "discriminator")]
    expected = profile("float64", arguments, 0, still)["losses"]
    for precision, tolerance in TOLERANCE.items():
        found = profile(precision, arguments, 0, still)["losses"]
        errors = {name: abs(found[name] - value) / max(1, abs(value)) for name, value in expected.items()}
        shown = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
        print(f"{precision} against float64, relative: {shown} (allowed {tolerance:g})", flush=True)
        if not all(error <= tolerance for error in errors.values()):
            sys.exit(f"{precision}: the losses differ from the reference")


def measure(variants, arguments):
    times = {name: [] for name in variants}
    for round_number in range(arguments.rounds):
        for name, variant in variants.items():
            times[name].append(variant.seconds())
        print(f"round {round_number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
    return times


def report(times, peaks, arguments):
    base = times.get("reference float32")
    rows = []
    for name, seconds in times.items():
        median = statistics.median(seconds)
        ratios = sorted(b / s for b, s in zip(base, seconds)) if base else []
        low, high = (min(seconds), max(seconds))
        rows.append({"name": name, "seconds": median, "low": low, "high": high, "times": seconds})
        rows[-1].update(images_per_second=4 * arguments.batch / median, peak_mib=peaks[name])
        rows[-1]["ratio"] = statistics.median(ratios) if ratios else None
        ratio = f"{rows[-1]['ratio']:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})" if ratios else "-"
        took = f"{median:7.2f} s ({low:.2f} to {high:.2f}) {4 * arguments.batch / median:6.1f} images/s"
        print(f"{name:34} {took}  x {ratio:24} {peaks[name]:6.0f} MiB")
    return rows


def report_goals(times, peaks):
    for name, against, must, goal in GOALS:
        present = [other for other in against if other in times]
        if name not in times or not present:
            continue
        best = min(present, key=lambda other: statistics.median(times[other]))
        ratios = sorted(b / s for b, s in zip(times[best], times[name]))
        ratio = statistics.median(ratios)
        verdict = "goal reached" if ratio >= goal else "must reached" if ratio >= must else "MISSED"
        print(f"{name} / {best}: {ratio:.2f} times as fast ({ratios[0]:.2f} to {ratios[-1]:.2f}), must {must}, "
              f"goal {goal}: {verdict}; memory {peaks[name] / peaks[best]:.0%}")  # fmt: skip


def machine():
    model = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    allocator = {name: os.environ.get(name) for name in ALLOCATOR}
    processor = model[0].split(": ")[1] if model else "unknown"
    return {"processor": processor, "cores": os.cpu_count(), "allocator": allocator}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variants", help="names, separated by commas; default: all")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--no-check", action="store_true", help="do not compare with float64 first")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.serve, arguments)
    wanted = arguments.variants.split(",") if arguments.variants else [*OURS, *REFERENCE]
    unknown = [name for name in wanted if name not in OURS and name not in REFERENCE]
    if unknown:
        sys.exit(f"no variant {unknown[0]!r}; there are: {', '.join([*OURS, *REFERENCE])}")
    if arguments.no_compile:
        wanted = [name for name in wanted if "compiled" not in name]
    if not os.environ.get("FQGAN_REFERENCE"):
        print("FQGAN_REFERENCE is not set (a checkout of YangNaruto/FQ-GAN): only ours run")
        wanted = [name for name in wanted if name in OURS]
    if not arguments.no_check:
        check_losses(arguments)
    variants = {name: (OurVariant if name in OURS else ReferenceVariant)(name, arguments) for name in wanted}
    times = measure(variants, arguments)
    peaks = {name: variant.peak() for name, variant in variants.items()}
    rows = report(times, peaks, arguments)
    report_goals(times, peaks)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "variants": rows}, indent=1))


if __name__ == "__main__":
    main()
