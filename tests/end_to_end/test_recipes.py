"""The recipes of the papers' BigGAN: the released settings, resolved by the program, and each of them trains."""

import random
import tomllib

from PIL import Image
import pytest

from conftest import ROOT, run

RECIPES = ROOT / "recipes" / "biggan"
ADAM = {"beta1": 0.0, "beta2": 0.999}
CIFAR = {
    "data.resolution": 32,
    "data.flip": False,
    "training.iterations": 97500,
    "model.batch": 64,
    "model.accumulate": 1,
    "model.loss": "hinge",
    "model.initialisation": "normal",
    "model.spectral_epsilon": 1e-8,
    "model.norm_epsilon": 1e-5,
    "model.generator.width": 64,
    "model.generator.latent": 128,
    "model.generator.hierarchical": False,
    "model.generator.shared_embedding": 0,
    "model.generator.attention": [],
    "model.generator.orthogonal": 0.0,
    "model.generator.adam": ADAM | {"learning_rate": 2e-4, "epsilon": 1e-8},
    "model.discriminator.width": 64,
    "model.discriminator.steps": 4,
    "model.discriminator.attention": [],
    "model.discriminator.adam": ADAM | {"learning_rate": 2e-4, "epsilon": 1e-8},
    "model.average.decay": 0.9999,
    "model.average.start": 1000,
    "model.quantizer.taps": [],
}
IMAGENET64 = CIFAR | {
    "data.resolution": 64,
    "data.fit": "crop",
    "training.iterations": 250200,
    "model.batch": 128,
    "model.accumulate": 4,
    "model.initialisation": "orthogonal",
    "model.spectral_epsilon": 1e-6,
    "model.generator.latent": 120,
    "model.generator.hierarchical": True,
    "model.generator.shared_embedding": 128,
    "model.generator.attention": [32],
    "model.generator.adam": ADAM | {"learning_rate": 1e-4, "epsilon": 1e-6},
    "model.discriminator.steps": 1,
    "model.discriminator.attention": [32],
    "model.discriminator.adam": ADAM | {"learning_rate": 4e-4, "epsilon": 1e-6},
    "model.average.start": 20000,
}
IMAGENET128 = IMAGENET64 | {
    "data.resolution": 128,
    "training.iterations": 125100,
    "model.batch": 256,
    "model.generator.attention": [64],
    "model.discriminator.attention": [64],
}


def quantized(taps, codes, decay, commitment):
    return {
        "model.quantizer.taps": [f"block{i}" for i in taps],
        "model.quantizer.codes": codes,
        "model.quantizer.decay": decay,
        "model.quantizer.commitment": commitment,
        "model.quantizer.mode": "loss_only",
        "model.quantizer.initialisation": "normal",
    }


RELEASED = {
    "cifar10": CIFAR,
    "cifar10-fq": CIFAR | quantized("0123", 1024, 0.8, 1.0),
    "cifar100": CIFAR,
    "cifar100-fq": CIFAR | quantized("0123", 64, 0.9, 10.0),
    "imagenet64": IMAGENET64,
    "imagenet64-fq": IMAGENET64 | quantized("2", 1024, 0.7, 0.5),
    "imagenet128": IMAGENET128,
    "imagenet128-fq": IMAGENET128 | quantized("0123", 1024, 0.8, 15.0),
}
# What a test's machine trains in seconds; the narrowest networks that have attention.
SMALL = {
    "training.iterations": 1,
    "training.sample_every": 0,
    "model.batch": 2,
    "model.generator.width": 4,
    "model.discriminator.width": 8,
}


def flat(table, prefix=""):
    """{"a": {"b": 1}} as {"a": {"b": 1}, "a.b": 1}"""
    found = {}
    for key, value in table.items():
        found[prefix + key] = value
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
    return found


def as_written(name):
    """The recipe's own keys over those of what it extends."""
    recipe = tomllib.loads((RECIPES / name).read_text())
    return (as_written(recipe["extends"]) if "extends" in recipe else {}) | flat(recipe)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Eight images in two classes."""
    folder = tmp_path_factory.mktemp("images")
    draw = random.Random(1)
    for i in range(8):
        path = folder / str(i % 2) / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        image = Image.new("RGB", (40, 40))
        image.putdata([tuple(draw.randrange(256) for _ in range(3)) for _ in range(40 * 40)])
        image.save(path)
    return folder


def test_every_recipe_is_here():
    assert {path.stem for path in RECIPES.glob("*.toml")} == set(RELEASED)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * name.startswith("imagenet")) for name in RELEASED]
)
def test_released_settings_train(name, images, tmp_path):
    overrides = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    path = RECIPES / f"{name}.toml"
    process = run("train", path, "--data", images, "--out", tmp_path / "run", *overrides)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "run" / "checkpoints" / "step-00000001.safetensors").exists()
    resolved = flat(tomllib.loads((tmp_path / "run" / "recipe.toml").read_text()))
    written = as_written(f"{name}.toml")
    for key, value in RELEASED[name].items():
        found = written[key] if key in SMALL else resolved[key]  # the run has the small ones
        if isinstance(value, dict):
            found = {inner: found[inner] for inner in value}
        assert found == value, key
