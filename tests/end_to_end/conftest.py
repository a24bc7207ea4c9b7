"""What the end-to-end tests share: the program, tiny data, a tiny recipe."""

import gzip
import os
import pathlib
import random
import struct
import subprocess

import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
PROGRAM = BUILD / "fqgan"

# FQGAN_TEST_DEVICE=cuda trains the tiny recipe on a GPU.
RECIPE = f"""
device = "{os.environ.get('FQGAN_TEST_DEVICE', 'cpu')}"
family = "biggan"
seed = 3
threads = 2
[data]
path = "{{data}}"
resolution = 8
class_names = ["zero", "one", "two"]
[training]
iterations = 12
log_every = 2
sample_every = 4
checkpoint_every = 3
[model]
batch = 8
share_fakes = true
initialisation = "xavier"
[model.generator]
width = 4
multipliers = [4, 2, 2]
latent = 8
[model.discriminator]
width = 4
multipliers = [2, 4]
downsample = [true, true]
steps = 2
[model.average]
start = 0
ramp = true
standing_images = 40
[model.quantizer]
taps = ["block1"]
codes = 16
initialisation = "kmeans"
"""


def write_idx(folder, images=60, size=8, classes=3):
    """The four MNIST files' training half, gzipped, made of seeded noise."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    labels = bytes(i % classes for i in range(images))
    pixels = bytes(min(255, draw.randrange(100) + 70 * labels[i // (size * size)]) for i in range(images * size * size))
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(struct.pack(">iiii", 2051, images, size, size) + pixels)
    with gzip.open(folder / "train-labels-idx1-ubyte.gz", "wb") as file:
        file.write(struct.pack(">ii", 2049, images) + labels)
    return folder


def run(*arguments, **options):
    """Runs the program; returns the finished process with text output."""
    return subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)


def one_line_error(process, *names, code=2):
    """One line, the exit code, no trace. The line names what it is about: the option, flag or file that is wrong, what
    came, the choices. The sentence around them is not tested, so that wording can improve."""
    assert process.returncode == code, process.stderr
    lines = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, process.stderr
    for word in ("terminate", "frame #", "Exception raised", "what():"):
        assert word not in process.stderr
    for name in names:
        assert str(name) in lines[0], lines[0]
    return lines[0]


@pytest.fixture
def tiny(tmp_path):
    """(recipe path, data folder)"""
    data = write_idx(tmp_path / "data")
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.format(data=data))
    return recipe, data


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A finished tiny run."""
    folder = tmp_path_factory.mktemp("trained")
    data = write_idx(folder / "data")
    recipe = folder / "tiny.toml"
    recipe.write_text(RECIPE.format(data=data))
    process = run("train", recipe, "--out", folder / "run")
    assert process.returncode == 0, process.stderr
    return folder / "run"


def write_class_folders(folder, names, images=8, size=8, ending="png"):
    """A folder of images for each name, each class of its own colour."""
    draw = random.Random(2)
    for k, name in enumerate(names):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(images):
            colour = [(40 + 60 * k + draw.randrange(40)) % 256 for _ in range(3)]
            picture = Image.new("RGB", (size, size), tuple(colour))
            picture.putpixel((i % size, k % size), (255, 255, 255))
            picture.save(folder / name / f"{i}.{ending}")
    return folder
