"""fqgan._core: the program's rooms in this process give what the program gives."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

import fqgan

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
RECIPE = """
family = "biggan"
seed = 3
threads = 1
[data]
path = "{data}"
resolution = 8
[training]
iterations = 3
[model]
batch = 4
initialisation = "xavier"
[model.generator]
width = 4
multipliers = [2, 1]
latent = 5
[model.discriminator]
width = 4
multipliers = [2]
downsample = [true]
steps = 1
[model.average]
start = 0
ramp = true
"""


@pytest.fixture(scope="module")
def core():
    if not list(BUILD.glob("_core.*.so")):
        pytest.skip("the extension was not built: no headers of this Python, or another LibTorch than the wheel's")
    return fqgan._core


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    image = pytest.importorskip("PIL.Image")
    data, draw = tmp_path_factory.mktemp("data"), np.random.default_rng(1)
    for k, name in enumerate(("ape", "bee", "cow")):
        (data / name).mkdir()
        for i in range(6):
            pixels = draw.integers(60 * k, 60 * k + 100, (8, 8, 3), dtype=np.uint8)
            image.fromarray(pixels).save(data / name / f"{i}.png")
    return RECIPE.format(data=data)


@pytest.fixture(scope="module")
def checkpoint(core, recipe, tmp_path_factory):
    training = core.Training(recipe)
    assert training.run(1) == 1 and training.run(2) == 3
    path = tmp_path_factory.mktemp("trained") / "model.safetensors"
    training.save(str(path))
    return path


def program(*arguments):
    done = subprocess.run([BUILD / "fqgan", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def tensors_of(path):
    return pytest.importorskip("safetensors.torch").load_file(path)


def test_training_is_that_of_the_program(recipe, checkpoint, tmp_path):
    (tmp_path / "recipe.toml").write_text(recipe)
    program("train", tmp_path / "recipe.toml", "--out", tmp_path / "run")
    theirs = tensors_of(tmp_path / "run" / "checkpoints" / "step-00000003.safetensors")
    ours = tensors_of(checkpoint)
    pending = {name for name in ours if name.startswith("state.loop.entries.")}  # the program has reported them
    assert ours.keys() - pending == theirs.keys() and any(name.startswith("optimizer.") for name in ours)
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name


def test_options_over_the_recipe(core, recipe, tmp_path):
    training = core.Training(recipe, ["model.generator.latent=7", "model.conditional=false"])
    training.run(1)
    training.save(str(tmp_path / "model.safetensors"))
    generator = core.Generator(str(tmp_path / "model.safetensors"))
    assert (generator.latent_width, generator.classes, generator.class_names) == (7, 0, [])
    assert generator.images(torch.randn(2, 7)).shape == (2, 3, 8, 8)


@pytest.mark.parametrize("flags", [{}, {"raw": True}, {"precision": "float64"}])
def test_images_are_those_of_the_program(core, checkpoint, tmp_path, flags):
    save_file = pytest.importorskip("safetensors.torch").save_file
    generator = core.Generator(str(checkpoint), threads=1, **flags)
    assert (generator.family, generator.latent_width, generator.classes) == ("biggan", 5, 3)
    assert generator.class_names == ["ape", "bee", "cow"]
    z, y = torch.randn(7, 5), torch.randint(3, (7,))
    save_file({"z": z, "y": y}, tmp_path / "latents.safetensors")
    more = [f"--{name}" if value is True else f"--{name}={value}" for name, value in flags.items()]
    for truncation in (None, 0.5):
        out, cut = tmp_path / "images.safetensors", [] if truncation is None else ["--truncation", truncation]
        cut += ["--out", out, "--force"]
        program("sample", checkpoint, "--latents", tmp_path / "latents.safetensors", *more, *cut)
        images = generator.images(z, y, truncation=truncation)
        assert images.dtype == torch.float32 and images.std() > 0.01
        assert (images - tensors_of(out)["images"]).abs().max() <= 1e-6


def test_metrics_by_their_full_names(core):
    a, b = torch.randn(40, 3), torch.randn(50, 3) * 1.5 + 0.3
    values = core.evaluate(a, b, ["fid", "kid", "pr"], extractor="mine", options="kid.subset_size = 20")
    assert set(values) == {"fid/mine", "kid[subset_size=20]/mine", "kid_std[subset_size=20]/mine"} | {
        f"{name}/mine" for name in ("precision", "recall")
    }
    x, y = a.double().numpy(), b.double().numpy()
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.linalg.eigvals(s @ t).real).sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * root
    assert abs(values["fid/mine"] - expected) < 1e-9
    moments = [core.Moments(), core.Moments()]
    for one, rows in zip(moments, (a, b)):
        for part in rows.split(15):
            one.add(part)
    assert (moments[0].count, moments[0].dimension) == (40, 3)
    assert np.abs(moments[0].covariance().numpy() - s).max() < 1e-12
    assert np.abs(moments[0].mean().numpy() - x.mean(0)).max() < 1e-12
    assert abs(core.frechet_distance(*moments) - expected) < 1e-9


def test_metrics_that_compare_with_training_images(core):
    training, held_out = torch.randn(900, 5), torch.randn(200, 5)
    for generated, range_of_copied in ((training[:80] + 1e-3, (0.9, 1)), (torch.randn(80, 5), (0, 0.1))):
        values = core.evaluate(generated, held_out, ["auth", "copied"], training=training)
        assert set(values) == {"auth_pct/features", "copied/features", "copied_by_ratio/features"}
        assert range_of_copied[0] <= values["copied/features"] <= range_of_copied[1]
    with pytest.raises(ValueError, match="training"):
        core.evaluate(training, held_out, ["auth"])


def test_inception_score_of_logits(core):
    logits = torch.randn(60, 4)
    options = "inception_score.splits = 1"
    values = core.evaluate(torch.randn(60, 2), torch.randn(60, 2), ["is"], logits=logits, options=options)
    p = logits.double().softmax(1)
    expected = (p * (p.log() - p.mean(0).log())).sum(1).mean().exp().item()
    assert abs(values["inception_score[splits=1]/features"] - expected) < 1e-9


def test_errors_are_one_line(core, checkpoint, recipe, tmp_path):
    def refused(action, *parts):
        with pytest.raises(ValueError) as error:
            action()
        assert isinstance(error.value, core.UserError) and "\n" not in str(error.value)
        for part in parts:
            assert part in str(error.value)

    generator, z = core.Generator(str(checkpoint)), torch.randn(2, 5)
    refused(lambda: core.Generator(str(tmp_path / "none.safetensors")), "none.safetensors")
    refused(lambda: generator.images(torch.randn(2, 4), torch.tensor([0, 1])), "[any, 5]", "[2, 4]")
    refused(lambda: generator.images(z), "labels")
    refused(lambda: generator.images(z, torch.tensor([0, 3])), "labels")
    refused(lambda: generator.images(z, torch.tensor([0.0, 1.0])), "int64")
    refused(lambda: generator.images(z, torch.tensor([0])), "labels")
    refused(lambda: core.Training(recipe, ["model.batches=3"]), "batches")
    refused(lambda: core.evaluate(z, z, ["fidd"]), "fidd")
    refused(lambda: core.Moments().mean(), "moments")
    refused(lambda: core.evaluate(torch.full((3, 2), float("nan")), z, ["fid"]), "NaN")


def test_the_operators_are_loaded_once(core):
    with open("/proc/self/maps") as maps:
        assert len({line.split()[-1] for line in maps if "libfqgan_ops" in line}) == 1
    features, codebook = torch.randn(6, 4), torch.randn(3, 4)
    assert torch.equal(torch.ops.fqgan.nearest_code(features, codebook), torch.cdist(features, codebook).argmin(1))


def test_the_package_works_without_the_extension(tmp_path):
    shutil.copy(BUILD / "libfqgan_ops.so", tmp_path)
    use = """
import fqgan, torch
fqgan.FeatureQuantizer(8, 16)(torch.randn(2, 8, 4, 4))
try:
    fqgan._core
except ImportError as error:
    print(error)
"""
    environment = os.environ | {"FQGAN_OPS": str(tmp_path / "libfqgan_ops.so"), "PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and "[fqgan] expected _core" in done.stdout and "Hint: " in done.stdout, done
