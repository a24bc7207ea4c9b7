"""The snippets of README.md and docs/*.md, and the folder in which they run: small images and runs under the names that
the pages use."""

import gzip
import io
import os
import pathlib
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tarfile
import textwrap
import zipfile

import numpy as np
import torch
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SMALL_NETWORKS = ["model.generator.width=4", "model.discriminator.width=4", "model.batch=8"]
SMALL_STYLE_NETWORKS = ["model.channel_max=4", "model.generator.latent=8", "model.generator.style=8", "model.batch=4"]
SMALL_RECIPE = """
family = "biggan"
[data]
path = "my-images"
resolution = 16
[training]
iterations = 4
[model]
batch = 4
[model.generator]
width = 4
[model.discriminator]
width = 4
"""


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page):
    """Returns (language, text) of the fenced blocks. The commands of a transcript ("$ ...") are a block in sh."""
    found = []
    for _, language, text in FENCE.findall(text_of(page)):
        text = textwrap.dedent(text)
        if not language and text.startswith("$ "):
            language, text = "sh", "\n".join(line[2:] for line in text.splitlines() if line.startswith("$ "))
        found.append((language, text))
    return found


def commands(page):
    """Returns the commands of the blocks in sh, without comments, as text."""
    text = "\n".join(text for language, text in blocks(page) if language == "sh").replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    return [part.strip() for line in lines if line for part in line.split(" && ")]


def python_code(page):
    return "\n".join(text for language, text in blocks(page) if language == "python")


def lines_of_program(page):
    """Returns the words of every command line of fqgan, also of those within sentences."""
    inline = re.findall(r"`((?:build/release/)?fqgan [a-z][^`]*)`", re.sub(r"```.*?```", "", text_of(page), flags=re.S))
    found = [shlex.split(line) for line in [*commands(page), *(" ".join(line.split()) for line in inline)]]
    return [words for words in found if is_program(words)]


def is_program(words):
    return words[0] in ("fqgan", "build/release/fqgan")


def small(words):
    """Returns the command with settings that take seconds."""
    command, options, line = words[1], [], " ".join(words)
    if command == "train" and "--resume" not in words:
        options = ["training.iterations=2", "training.sample_every=0"]
        narrow = {"recipes/improved/": [], "recipes/stylegan2/": SMALL_STYLE_NETWORKS}
        options += next((narrow[recipe] for recipe in narrow if recipe in line), SMALL_NETWORKS)
        options += ["evaluation.every=2", "evaluation.count=20"] if "recipes/quickstart" in line else []
        words = words if "--data" in words else [*words, "--data", "mnist"]
    elif command == "profile":
        words, options = [*words, "--iterations", "1", "--warmup", "0"], SMALL_NETWORKS
    elif command == "evaluate":
        words = with_value(words, "--count", "60") if words[2].startswith("runs/") else words
        kid_by_default = "--metrics" not in words and not words[2].startswith("runs/")  # a run has its recipe's metrics
        options = ["kid.subset_size=20"] if kid_by_default or "kid" in line else []
    elif command == "sample":
        words = with_value(words, "--count", "4") if "--count" in words else words
    elif command == "sweep":
        words = [*words, "--dry-run"]
    return [*words, *(word for option in options for word in ("--set", option))]


def with_value(words, flag, value):
    if flag not in words:
        return [*words, flag, value]
    at = words.index(flag)
    return [*words[: at + 1], value, *words[at + 2 :]]


# ---- the folder ----


def write_images(folder, classes, count, size=32):
    draw = np.random.default_rng(2)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(draw.integers(0, 255, (size, size, 3), np.uint8)).save(folder / name / f"{i}.png")


def write_idx(folder, images=200, size=28):
    draw = np.random.default_rng(1)
    folder.mkdir()
    for split, count in (("train", images), ("t10k", images)):
        pixels, labels = draw.integers(0, 255, (count, size, size), np.uint8), np.arange(count, dtype=np.uint8) % 10
        with gzip.open(folder / f"{split}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">iiii", 2051, *pixels.shape) + pixels.tobytes())
        with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">ii", 2049, count) + labels.tobytes())


def write_cifar(path, images=20):
    draw = np.random.default_rng(3)
    with tarfile.open(path, "w:gz") as archive:
        names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
        contents = [draw.integers(0, 255, (images, 3073), np.uint8) for _ in names]
        for content in contents:
            content[:, 0] = np.arange(images) % 10
        files = {name: content.tobytes() for name, content in zip(names, contents)}
        files["batches.meta.txt"] = "\n".join(f"class{i}" for i in range(10)).encode()
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


class Features(torch.nn.Module):
    def forward(self, x):
        return x.float().mean((2, 3)), x.float().flatten(1)[:, :5]


def write_files(folder):
    classes = ["cat", "dog", "owl"]
    write_images(folder / "my-images", classes, 10)
    write_images(folder / "photos", classes, 10)
    write_images(folder / "digits", [str(i) for i in range(10)], 2, 28)
    write_idx(folder / "mnist")
    (folder / "DATA").symlink_to("mnist")
    write_cifar(folder / "cifar-10-binary.tar.gz")
    (folder / "CIFAR10").symlink_to("cifar-10-binary.tar.gz")
    with zipfile.ZipFile(folder / "generated.zip", "w") as archive:
        for path in sorted((folder / "photos").rglob("*.png")):
            archive.write(path, path.relative_to(folder / "photos"))
    torch.jit.trace(Features(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8)).save(folder / "inception.pt")
    for name in ("my.toml", "recipe.toml"):
        (folder / name).write_text(SMALL_RECIPE)
    for name in ("G_ema.pth", "D.pth"):
        torch.save({"module.weight": torch.ones(2, 3)}, folder / name)
    for split in ("train", "test"):
        write_mat(folder / f"{split}_32x32.mat")


def write_mat(path):
    import scipy.io

    images = np.random.default_rng(4).integers(0, 255, (32, 32, 3, 11), np.uint8)
    scipy.io.savemat(path, {"X": images, "y": np.arange(11)[:, None] % 10 + 1})


def make_folder(folder):
    """A checkout with data and runs. Nothing that is written there gets into the repository."""
    for name in ("recipes", "extractors", "examples", "python", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "build").mkdir()
    (folder / "build" / "release").symlink_to(BUILD)
    shutil.copytree(ROOT / "results", folder / "results")
    write_files(folder)
    for recipe, run in (("quickstart", "quickstart"), ("improved/mnist-100-labels", "few-2")):
        run_command(["build/release/fqgan", "train", f"recipes/{recipe}.toml", "--out", f"runs/{run}"], folder)
    shutil.copytree(folder / "runs" / "quickstart", folder / "runs" / "first")
    return folder


def environment(folder):
    """`~` is the folder, and fqgan is on the PATH. All copies of the folder share trained classifiers."""
    paths = {"HOME": folder, "XDG_CACHE_HOME": folder.resolve().parent / "cache", "PYTHONPATH": ROOT / "python"}
    paths["PATH"] = f"{BUILD}:{os.environ['PATH']}"
    return os.environ | {name: str(value) for name, value in paths.items()} | {"GOMP_SPINCOUNT": "10000"}


def run_command(words, folder):
    if is_program(words):
        words = small(words)
    elif words[0] == "build/release/mode_collapse":
        words = [*words, "--steps", "2", "--seeds", "1"]
    elif words[0] == "python":
        words = [sys.executable, *words[1:]]
    words = [re.sub("^~", str(folder), word) for word in words]
    done = subprocess.run(words, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-1000:]}{done.stderr[-3000:]}"
