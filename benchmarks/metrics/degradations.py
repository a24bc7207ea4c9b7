#!/usr/bin/env python3
"""How metrics grow with the strength of a degradation, for several feature extractors.

    python benchmarks/metrics/degradations.py IMAGES.zip [--count 1000] [--features efficientnet-lite0 classifier]
        [--classes] [--seed 0] [--json FILE]

IMAGES: a zip or folder of images; with --classes one folder per class. A random half of `2 * count` images is the
reference; the other half is degraded: blurred, made noisy, compressed as JPEG, with fewer classes, with dropped modes
(fewer different images, which are repeated); each at four strengths besides none. Fewer classes need --classes; without
classes, images are grouped by their brightness, as a stand-in. For every extractor and degradation the script prints
FID and KID, and the rank correlation (Spearman) with the strength. Exit code 1 if one of FID is below 0.95.

Needs fqgan ($FQGAN_BUILD, else build/release), NumPy and Pillow.
"""

import argparse
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
from PIL import Image, ImageFilter

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")) / "fqgan"
LEAST_CORRELATION = 0.95
GROUPS = 10


def blurred(image, strength, _):
    return image.filter(ImageFilter.GaussianBlur((0.5, 1, 2, 4)[strength] * image.width / 64))


def noisy(image, strength, generator):
    pixels = np.asarray(image).astype(float)
    pixels += generator.normal(size=pixels.shape) * (5, 10, 20, 40)[strength]
    return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))


def compressed(image, strength, _):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=(60, 30, 15, 5)[strength])
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


PIXELS = {"blur": blurred, "noise": noisy, "JPEG": compressed}
KEPT_GROUPS = (8, 6, 4, 2)
KEPT_IMAGES = (1 / 4, 1 / 16, 1 / 64, 1 / 256)


def read_images(path, count, classes, seed):
    """Returns RGB images and their classes. Transparent images are laid on white."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith((".png", ".jpg", ".jpeg")))
        names = random.Random(seed).sample(names, min(count, len(names)))
        images = []
        for name in names:
            image = Image.open(io.BytesIO(archive.read(name)))
            if image.mode in ("RGBA", "P", "LA"):
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            images.append(image.convert("RGB"))
    if classes:
        return images, [pathlib.Path(name).parent.name for name in names]
    brightness = np.array([np.asarray(image).mean() for image in images])
    return images, list(np.searchsorted(np.quantile(brightness, np.arange(1, GROUPS) / GROUPS), brightness))


def degraded(kind, strength, images, groups, generator):
    """Returns as many images as given."""
    if kind in PIXELS:
        return [PIXELS[kind](image, strength, generator) for image in images]
    if kind == "fewer classes":
        kept = set(sorted(set(groups), key=str)[: KEPT_GROUPS[strength]])
        some = [image for image, group in zip(images, groups) if group in kept]
    else:
        some = images[: max(2, round(len(images) * KEPT_IMAGES[strength]))]
    return [some[i % len(some)] for i in range(len(images))]


def write(images, groups, folder):
    for i, (image, group) in enumerate(zip(images, groups)):
        place = folder / str(group)
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{i:05}.png", compress_level=1)


def measured(generated, reference, features, count):
    size = min(1000, count)
    command = [PROGRAM, "evaluate", generated, "--against", reference, "--features", features, "--metrics", "fid,kid"]
    command += ["--json", "--set", f"kid.subset_size={size // 2}", "--set", "kid.subsets=20"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    values = json.loads(done.stdout)["metrics"]
    return [next(value for name, value in values.items() if name.startswith(metric)) for metric in ("fid", "kid")]


def rank_correlation(values):
    ranks = np.argsort(np.argsort(values))
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--features", nargs="+", default=["efficientnet-lite0"])
    parser.add_argument("--classes", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=pathlib.Path)
    given = parser.parse_args()
    images, groups = read_images(given.images, 2 * given.count, given.classes, given.seed)
    half = len(images) // 2
    results, worst = [], 1.0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        write(images[:half], groups[:half], folder / "reference")
        write(images[half : 2 * half], groups[half : 2 * half], folder / "none")
        for kind in [*PIXELS, "fewer classes", "mode dropping"]:
            for strength in range(4):
                made = degraded(
                    kind, strength, images[half : 2 * half], groups[half:], np.random.default_rng(given.seed)
                )
                write(made, groups[half : 2 * half], folder / f"{kind} {strength}")
            for features in given.features:
                sets = ["none", *(f"{kind} {strength}" for strength in range(4))]
                values = np.array([measured(folder / one, folder / "reference", features, half) for one in sets])
                correlations = [rank_correlation(values[:, i]) for i in range(2)]
                worst = min(worst, correlations[0])
                results.append([kind, features, values.T.tolist(), correlations])
                fids = ", ".join(f"{value:.4g}" for value in values[:, 0])
                print(f"| {kind} | {features} | {fids} | {correlations[0]:.2f} | {correlations[1]:.2f} |", flush=True)
    if given.json:
        given.json.write_text(json.dumps({"images": half, "results": results}, indent=1))
    print(f"the smallest rank correlation of FID is {worst:.2f}; at least {LEAST_CORRELATION} is wanted")
    return worst < LEAST_CORRELATION


if __name__ == "__main__":
    sys.exit(main())
