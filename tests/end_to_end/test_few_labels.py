"""Semi-supervised training beats supervised training on the same few labels: scikit-learn's 8 x 8 digits with three
labels a class, and MNIST with a hundred labels where its IDX files are: in the folder that FQGAN_MNIST names, or in
shared/data/mnist beside the repository."""

import gzip
import json
import os
import pathlib
import struct

import numpy
import pytest
from sklearn.datasets import load_digits

from conftest import one_line_error, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPE = ROOT / "recipes/improved/mnist-100-labels.toml"
MNIST = pathlib.Path(os.environ.get("FQGAN_MNIST", ROOT.parent / "shared/data/mnist"))
CALM = [f"model.{network}.adam.learning_rate=1e-3" for network in ("generator", "discriminator")]
SMALL = ["model.generator.hidden=[128, 128]", "model.discriminator.hidden=[256, 128, 128]"]


def write_digits(folder):
    """1,797 digits as MNIST's files: 1,200 to train with, the others to test."""
    digits = load_digits()
    order = numpy.random.RandomState(0).permutation(len(digits.target))
    pixels = numpy.round(digits.data * 255 / 16).astype(numpy.uint8)[order]
    labels = digits.target.astype(numpy.uint8)[order]
    folder.mkdir()
    for part, rows in (("train", slice(0, 1200)), ("t10k", slice(1200, None))):
        with gzip.open(folder / f"{part}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">iiii", 2051, len(pixels[rows]), 8, 8) + pixels[rows].tobytes())
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">ii", 2049, len(labels[rows])) + labels[rows].tobytes())
    return folder


def error(data, out, iterations, *settings):
    fixed = [f"training.iterations={iterations}", f"evaluation.every={iterations}", "model.average.decay=0.99"]
    fixed += ["training.sample_every=0", "training.checkpoint_every=0", *CALM, *settings]
    process = run("train", RECIPE, "--data", data, "--out", out, *(word for s in fixed for word in ("--set", s)))
    assert process.returncode == 0, process.stderr
    return json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])["metrics"]["error/test"]


def test_digits_with_thirty_labels(tmp_path):
    data = write_digits(tmp_path / "digits")
    errors = {"supervised": [], "semi-supervised": []}
    for seed in (1, 2):
        settings = [*SMALL, "threads=2", "data.labels_per_class=3", f"data.labels_seed={seed}", f"seed={seed}"]
        for name, weight in (("supervised", 0), ("semi-supervised", 1)):
            out = tmp_path / f"{name}-{seed}"
            errors[name].append(error(data, out, 1500, *settings, f"model.unlabelled_weight={weight}"))
    assert all(value < 0.25 for value in errors["supervised"])  # it is not that the other has learnt nothing
    assert sum(errors["semi-supervised"]) < 0.8 * sum(errors["supervised"]), errors


def test_evaluate_names_the_command_that_repeats_the_error(tmp_path):
    """The error of a classifier is no metric of generated images, and images of no class have no accuracy."""
    data, out = write_digits(tmp_path / "digits"), tmp_path / "run"
    measured = error(data, out, 20, *SMALL, "data.labels_per_class=3", "precision=bfloat16")
    process = run("evaluate", out, "--count", "500")
    assert process.returncode == 0 and "nan" not in process.stdout and "accuracy" not in process.stdout, process.stdout
    hint = next(line for line in process.stderr.splitlines() if line.startswith("without error"))
    words = hint.split("Hint: ")[1].split()[1:]
    assert json.loads(run(*words, "--json").stdout)["error"] == measured
    one_line_error(run("evaluate", out, "--metrics", "accuracy"), "accuracy", "classes")


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.is_dir(), reason=f"{MNIST} is not there; FQGAN_MNIST names another folder")
def test_mnist_with_a_hundred_labels_in_a_minute(tmp_path):
    settings = ["precision=auto", "threads=1"]
    supervised = error(MNIST, tmp_path / "supervised", 2000, *settings, "model.unlabelled_weight=0")
    both = error(MNIST, tmp_path / "semi-supervised", 2000, *settings)
    assert supervised < 0.25 and both < 0.8 * supervised, (supervised, both)
