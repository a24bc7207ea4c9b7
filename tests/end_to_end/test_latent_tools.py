"""Images of seeds as NVIDIA's tools draw them (`sample --seeds`), for StyleGAN2 and BigGAN."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from conftest import one_line_error, run
from test_style_based import TINY, write_images


def train(folder, channels="RGB", more="", conditional="false"):
    images = write_images(folder / "images", 16, 16, channels)
    recipe = folder / "tiny.toml"
    recipe.write_text(TINY.format(data=images, more=more))
    words = ("--set", "training.iterations=2", "--set", f"model.conditional={conditional}")
    process = run("train", recipe, "--out", folder / "run", *words)
    assert process.returncode == 0, process.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    """StyleGAN2 without classes."""
    return train(tmp_path_factory.mktemp("style"))


def done(*arguments):
    process = run(*arguments)
    assert process.returncode == 0, process.stderr
    return process.stderr


def latents_of(seeds, width):
    return torch.from_numpy(np.stack([np.random.RandomState(seed).randn(width) for seed in seeds])).float()


def images_of(model, folder, *words):
    out = folder / "images.safetensors"
    done("sample", model, "--out", out, "--force", *words)
    return load_file(out)["images"]


def images_of_z(model, folder, z, *words):
    save_file({"z": z}, folder / "z.safetensors")
    return images_of(model, folder, "--latents", folder / "z.safetensors", *words)


# ---- sample --seeds ----


def test_seeds_are_those_of_numpy(style, trained, tmp_path):
    seeds = [0, 1, 2, 85, 2**32 - 1]
    given = ("--seeds", "0-2,85,4294967295")
    constant = ("--noise", "constant")
    images = images_of(style, tmp_path, *given, *constant)
    assert torch.allclose(images, images_of_z(style, tmp_path, latents_of(seeds, 16), *constant), atol=1e-6)
    one = ("--class", "one")
    for words in (one, (*one, "--truncation", 0.5)):
        images = images_of(trained, tmp_path, *given, *words)
        assert torch.allclose(images, images_of_z(trained, tmp_path, latents_of(seeds, 8), *words), atol=1e-5)


def test_an_image_depends_on_its_seed_alone(style, trained, tmp_path):
    for model in (style, trained):  # with noise, and with a class drawn for each seed
        first, second = (images_of(model, tmp_path, "--seeds", seeds) for seeds in ("3-5", "9,5"))
        assert torch.allclose(first[2], second[1], atol=1e-5)
    done("sample", style, "--seeds", "3-5", "--out", tmp_path / "grid.png")
    assert len(list(Image.open(tmp_path / "grid.png").getbands())) == 3


@pytest.mark.parametrize(
    "words, names",
    [
        (("--seeds", "1-"), ("--seeds", "''")),
        (("--seeds", "4-2"), ("--seeds", "4-2")),
        (("--seeds", "4294967296"), ("--seeds", "4294967295", "4294967296")),
        (("--seeds", "-1"), ("--seeds", "-1")),
        (("--seeds", "1,,2"), ("--seeds", "''")),
        (("--seeds", "0-4294967295"), ("--seeds", "10000000")),
        (("--seeds", "1", "--seed", 2), ("--seeds", "--seed")),
        (("--seeds", "1", "--count", 2), ("--seeds", "--count")),
        (("--seeds", "1", "--latents", "z.safetensors"), ("--seeds", "--latents")),
        (("--seeds", "0-10000"), ("--seeds", "10001")),
    ],
)
def test_seeds_that_make_no_images(style, tmp_path, words, names):
    one_line_error(run("sample", style, "--out", tmp_path / "x.png", *words), *names)
