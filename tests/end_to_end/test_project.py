"""fqgan project: the w and the noise whose image is nearest to a given image."""

import json
import signal
import subprocess
import time

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from conftest import PROGRAM, one_line_error, run
from test_style_based import TINY, write_images


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    images = write_images(folder / "images")
    (folder / "tiny.toml").write_text(TINY.format(data=images, more=""))
    process = run("train", folder / "tiny.toml", "--out", folder / "run")
    assert process.returncode == 0, process.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A TorchScript file: means over a map of random features."""
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3, stride=2))

    class Means(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(x.float() / 255).mean([2, 3])

    path = tmp_path_factory.mktemp("features") / "means.pt"
    torch.jit.script(Means()).save(str(path))
    return path


@pytest.fixture(scope="module")
def target(model, tmp_path_factory):
    """An image of the generator itself."""
    folder = tmp_path_factory.mktemp("target") / "images"
    assert run("sample", model, "--out", folder, "--count", 1, "--class", "class1", "--seed", 4).returncode == 0
    return next(folder.rglob("*.png"))


def project(model, target, features, out, *words):
    words = ("--features", features, "--steps", 60, *words)
    return run("project", model, "--target", target, "--out", out, *words)


def test_an_image_of_the_generator_is_found(model, target, features, tmp_path):
    process = project(model, target, features, tmp_path / "out")
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("distance ")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"w.safetensors", "result.png", "projection.png", "log.jsonl"}
    steps = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == list(range(60))
    assert float(process.stdout.split()[1]) < steps[0]["distance"] / 5
    latents = load_file(tmp_path / "out" / "w.safetensors")
    layers = {"b4.conv1": 4, "b8.conv0": 8, "b8.conv1": 8, "b16.conv0": 16, "b16.conv1": 16}
    noise = {f"noise.{layer}": (size, size) for layer, size in layers.items()}
    assert {name: tuple(x.shape) for name, x in latents.items()} == {"w": (1, 16)} | noise
    for name in noise:
        assert abs(latents[name].mean()) < 1e-5 and abs(latents[name].square().mean() - 1) < 1e-4
    with Image.open(tmp_path / "out" / "result.png") as image:
        assert image.size == (16, 16) and image.mode == "RGB"


def test_the_same_call_gives_the_same_bits(model, target, features, tmp_path):
    for out in ("a", "b", "c"):
        seed = ("--seed", 5) if out == "c" else ()
        assert project(model, target, features, tmp_path / out, *seed).returncode == 0
    a, b, c = (load_file(tmp_path / out / "w.safetensors") for out in "abc")
    assert all(a[name].equal(b[name]) for name in a)
    assert not a["w"].equal(c["w"])
    for name in ("result.png", "projection.png", "log.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_interrupted_search_leaves_nothing(model, target, features, tmp_path):
    words = ("--target", target, "--features", features, "--steps", 1000000, "--out", tmp_path / "out")
    process = subprocess.Popen(map(str, (PROGRAM, "project", model, *words)), stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline().startswith("features: ")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not any(tmp_path.iterdir())


def test_an_existing_folder_needs_force(model, target, features, tmp_path):
    assert project(model, target, features, tmp_path).returncode == 0
    one_line_error(project(model, target, features, tmp_path), "--out", "--force")
    assert project(model, target, features, tmp_path, "--force", "--class", "class0").returncode == 0


@pytest.mark.parametrize("mode, option", [("L", "data.channels=1"), ("RGBA", "data.alpha=keep")])
def test_other_channels(mode, option, features, tmp_path):
    images = write_images(tmp_path / "images", mode=mode)
    (tmp_path / "tiny.toml").write_text(TINY.format(data=images, more=""))
    words = ("--set", option, "--set", "training.iterations=1")
    process = run("train", tmp_path / "tiny.toml", "--out", tmp_path / "run", *words)
    assert process.returncode == 0, process.stderr
    target = tmp_path / "large.png"
    Image.new("RGBA", (50, 40), (200, 30, 60, 128)).save(target)
    process = project(tmp_path / "run", target, features, tmp_path / "out")
    assert process.returncode == 0, process.stderr
    with Image.open(tmp_path / "out" / "result.png") as image:
        assert image.size == (16, 16) and image.mode == mode


def test_wrong_input(model, trained, target, features, tmp_path):
    out = tmp_path / "out"
    one_line_error(project(trained, target, features, out), "[project]", "StyleGAN2")
    one_line_error(project(trained, target, tmp_path / "missing.pt", out), "[project]")  # before features are opened
    one_line_error(project(model, tmp_path / "missing.png", features, out), tmp_path / "missing.png")
    text = tmp_path / "text.png"
    text.write_text("This is no image.")
    one_line_error(project(model, text, features, out), text)
    one_line_error(project(model, target, features, out, "--class", "class7"), "--class", "class7")
    one_line_error(project(model, target, tmp_path / "missing.pt", out), "missing.pt")
    one_line_error(project(model, target, features, target), "--out", target)
    assert not out.exists()
